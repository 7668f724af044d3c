// The hot path: the answer of series/float, read series by series from the stream straight into typed arrays.

import type { FloatSeriesBatch } from '../model/batches.ts';
import { setInt64, setInt64Words } from '../model/int64.ts';
import { PointColumns, storeStep } from './point-columns.ts';
import { ProtobufReader, truncated } from './protobuf.ts';

/** Points of one series in one answer. */
export interface FloatSeriesAnswer {
  requestId: string;
  points: Omit<FloatSeriesBatch, 'path'>;
  /** Whether no step is smaller than the one before it. */
  ordered: boolean;
  firstStep: number;
  /** Points of the whole series by the server's count (total_item_count); 0 if it doesn't tell. */
  total: number;
  /** Step of the last point as the server wrote it, for the next page. */
  lastStep: number;
}

/**
 * Splits the stream into the messages of the single series and decodes each when it is complete, so that memory holds
 * one series' page and not the answer. The arrays of an answer's points are filled anew with the next one.
 * @throws ExporterError `bad_answer` if the stream ends inside a message
 */
export async function* decodeFloatSeries(body: AsyncIterable<Uint8Array>): AsyncGenerator<FloatSeriesAnswer> {
  // Arrays of their own for each series would be garbage of the size of the whole export.
  const room = new Room();
  for await (const message of topLevelMessages(body)) yield decodeSeries(message, room);
}

/** A message that spans chunks, while it is put together. Its bytes are overwritten by the next one. */
class Gathered {
  #bytes = Buffer.allocUnsafeSlow(1 << 16);
  #filled = 0;
  /** Bytes still to come. */
  missing = 0;
  wanted = false;

  begin(size: number, wanted: boolean, first: Buffer): void {
    this.#filled = 0;
    this.missing = size;
    this.wanted = wanted;
    this.add(first);
  }

  /** Takes what the message still lacks, and returns how much that was. */
  add(chunk: Buffer): number {
    const count = Math.min(this.missing, chunk.length);
    const needed = this.#filled + count;
    if (needed > this.#bytes.length) {
      // By what came and not by what was announced, which may be anything.
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#filled);
      this.#bytes = larger;
    }
    chunk.copy(this.#bytes, this.#filled, 0, count);
    this.#filled = needed;
    this.missing -= count;
    return count;
  }

  get message(): Buffer {
    return this.#bytes.subarray(0, this.#filled);
  }
}

/** The messages of field 1 of the outermost message, each whole, to be read before the next is asked for. */
async function* topLevelMessages(body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  const gathered = new Gathered();
  for await (const chunk of body) {
    let buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    if (gathered.missing > 0) {
      const taken = gathered.add(buffer);
      if (gathered.missing > 0) continue;
      if (gathered.wanted) yield gathered.message;
      buffer = buffer.subarray(taken);
    }
    if (rest.length > 0) buffer = Buffer.concat([rest, buffer]);
    let position = 0;
    for (;;) {
      const head = readHead(buffer, position);
      if (head === undefined) break;
      const end = head.start + head.length;
      const wanted = head.field === 1 && head.wire === 2;
      if (end > buffer.length) {
        gathered.begin(head.length, wanted, buffer.subarray(head.start));
        position = buffer.length;
        break;
      }
      if (wanted) yield buffer.subarray(head.start, end);
      position = end;
    }
    rest = buffer.subarray(position);
  }
  if (gathered.missing > 0 || rest.length > 0) throw truncated();
}

/** Tag and length at the beginning of a field; undefined if they aren't complete yet. */
function readHead(
  buffer: Buffer,
  at: number,
): { field: number; wire: number; start: number; length: number } | undefined {
  if (at >= buffer.length) return undefined;
  const tag = buffer[at]!;
  const field = tag >> 3;
  const wire = tag & 7;
  // The answer has one field, number 1. What a later server may add is passed over.
  if (tag >= 0x80 || field === 0) throw truncated();
  if (wire === 1 || wire === 5) return { field, wire, start: at + 1, length: wire === 1 ? 8 : 4 };
  if (wire !== 0 && wire !== 2) throw truncated();
  let length = 0;
  let scale = 1;
  for (let position = at + 1; position < buffer.length; position++) {
    const byte = buffer[position]!;
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) return { field, wire, start: position + 1, length: wire === 0 ? 0 : length };
    scale *= 128;
    if (scale > 2 ** 63) throw truncated();
  }
  return undefined;
}

function decodeSeries(message: Buffer, room: Room): FloatSeriesAnswer {
  try {
    return decodeFields(message, room);
  } catch (error) {
    // DataView's word for a double that reaches beyond the message.
    throw error instanceof RangeError ? truncated() : error;
  }
}

function decodeFields(message: Buffer, room: Room): FloatSeriesAnswer {
  const reader = new ProtobufReader(message);
  let requestId = '';
  let values: [start: number, end: number] | undefined;
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 1) requestId = reader.text();
    else if (field === 2) values = reader.span();
    else reader.skip();
  }
  return { requestId, ...decodePoints(message, values?.[0] ?? 0, values?.[1] ?? 0, room) };
}

const TOTAL_TAG = 0x08; // field 1, varint
const POINT_TAG = 0x12; // field 2, bytes

/** Bytes of the usual point: a time of this age in six bytes, step, value, and their tags. */
const USUAL_POINT = 25;

/** The columns of one answer after the other. */
class Room {
  #columns = new PointColumns(1024);

  /** Columns for at least so many points. What they held before is no longer needed. */
  of(capacity: number): PointColumns {
    if (this.#columns.capacity < capacity)
      this.#columns = new PointColumns(Math.max(capacity, this.#columns.capacity * 2));
    return this.#columns;
  }

  /** The columns with twice the room. */
  grow(): PointColumns {
    this.#columns = this.#columns.grown();
    return this.#columns;
  }
}

/**
 * ProtoFloatSeriesValuesDTO between two positions: 1 total_item_count, 2 values. One pass: the room is what points of the
 * usual size need. Those that leave out a zero are shorter, and few.
 */
function decodePoints(buffer: Buffer, start: number, end: number, room: Room): Omit<FloatSeriesAnswer, 'requestId'> {
  let { steps, timestamps, values, stepWords, timeWords } = room.of(Math.ceil((end - start) / (USUAL_POINT + 2)) + 2);
  let capacity = values.length;
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  let lastStep = Number.NEGATIVE_INFINITY;
  let firstStep = 0;
  let ordered = true;
  let total = 0;
  let index = 0;
  for (let at = start; at < end; ) {
    const tag = buffer[at++]!;
    if (tag !== POINT_TAG) {
      if (tag === TOTAL_TAG) total = readVarint(buffer, at, end);
      at = skipField(buffer, at, end, tag);
      continue;
    }
    if (index === capacity) {
      ({ steps, timestamps, values, stepWords, timeWords } = room.grow());
      capacity = values.length;
    }
    let step = 0;
    let value = 0;
    if (isUsual(buffer, at, end)) {
      const middle = buffer[at + 6]!;
      const low =
        (buffer[at + 2]! & 127) |
        ((buffer[at + 3]! & 127) << 7) |
        ((buffer[at + 4]! & 127) << 14) |
        ((buffer[at + 5]! & 127) << 21) |
        (middle << 28);
      setInt64Words(timeWords, index, low, ((middle & 127) >>> 4) | (buffer[at + 7]! << 3));
      step = view.getFloat64(at + 9, true);
      value = view.getFloat64(at + 18, true);
      at += USUAL_POINT + 1;
    } else {
      let length = buffer[at++]!;
      if (length >= 0x80) {
        const high = buffer[at++]!;
        // A point has some 27 bytes; two bytes of length are plenty.
        if (high >= 0x80) throw truncated();
        length = (length & 0x7f) | (high << 7);
      }
      const stop = at + length;
      if (!(stop <= end)) throw truncated();
      // A time of zero may be left out, and the room holds what was there before.
      setInt64(timeWords, index, 0);
      while (at < stop) {
        const field = buffer[at++]!;
        if (field === 0x11) {
          step = view.getFloat64(at, true);
          at += 8;
        } else if (field === 0x19) {
          value = view.getFloat64(at, true);
          at += 8;
        } else if (field === 0x08) {
          at = readTimestamp(buffer, at, stop, timestamps, timeWords, index);
        } else {
          at = skipField(buffer, at, stop, field);
        }
      }
      if (at !== stop) throw truncated();
    }
    storeStep(steps, stepWords, index, step);
    values[index] = value;
    if (step < lastStep) ordered = false;
    if (index === 0) firstStep = step;
    lastStep = step;
    index++;
  }
  return {
    ordered,
    total,
    firstStep,
    points: { kind: 'float_series', length: index, steps, timestamps, values },
    lastStep,
  };
}

/** Whether the length at this position is followed by a whole point with time, step and value in the usual form. */
function isUsual(buffer: Buffer, at: number, end: number): boolean {
  return (
    at + USUAL_POINT < end &&
    buffer[at] === USUAL_POINT &&
    buffer[at + 1] === 0x08 &&
    (buffer[at + 2]! & buffer[at + 3]! & buffer[at + 4]! & buffer[at + 5]! & buffer[at + 6]!) >= 0x80 &&
    buffer[at + 7]! < 0x80 &&
    buffer[at + 8] === 0x11 &&
    buffer[at + 17] === 0x19
  );
}

/** int64 varint: six bytes for today's times; negative ones take ten and go by bigint. */
function readTimestamp(
  buffer: Buffer,
  at: number,
  stop: number,
  column: BigInt64Array,
  view: Int32Array,
  index: number,
): number {
  let low = 0;
  let scale = 1;
  for (let position = at; position < stop && position < at + 7; position++) {
    const byte = buffer[position]!;
    low += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      setInt64(view, index, low);
      return position + 1;
    }
    scale *= 128;
  }
  let value = 0n;
  let shift = 0n;
  for (let position = at; position < stop && shift < 70n; position++) {
    const byte = buffer[position]!;
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte < 0x80) {
      column[index] = BigInt.asIntN(64, value);
      return position + 1;
    }
  }
  throw truncated();
}

/** A varint that fits a double. */
function readVarint(buffer: Buffer, at: number, end: number): number {
  let value = 0;
  for (let scale = 1; at < end && scale <= 2 ** 63; scale *= 128) {
    const byte = buffer[at++]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
  throw truncated();
}

function skipField(buffer: Buffer, at: number, end: number, tag: number): number {
  const wire = tag & 7;
  let next = at;
  // The number of a field from 16 on goes on in the next bytes.
  for (let more = tag; more >= 0x80; ) {
    if (next >= end) throw truncated();
    more = buffer[next++]!;
  }
  if (wire === 1) next += 8;
  else if (wire === 5) next += 4;
  else if (wire === 0 || wire === 2) {
    let length = 0;
    let scale = 1;
    for (;;) {
      if (next >= end) throw truncated();
      const byte = buffer[next++]!;
      length += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
      if (scale > 2 ** 63) throw truncated();
    }
    if (wire === 2) next += length;
  } else throw truncated();
  if (next > end) throw truncated();
  return next;
}
