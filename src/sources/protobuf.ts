// A reader for protobuf's wire format. Unknown fields are skipped; a message that ends too early is a `bad_answer`.

import { ExporterError } from '../model/errors.ts';

export const WIRE_VARINT = 0;
export const WIRE_FIXED64 = 1;
export const WIRE_BYTES = 2;
export const WIRE_FIXED32 = 5;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function truncated(): ExporterError {
  return new ExporterError('bad_answer', "The server's answer is broken off or is not protobuf.");
}

/** Walks over the fields of one message. `next()` moves to a field; then exactly one of the value methods reads it. */
export class ProtobufReader {
  readonly #buffer: Buffer;
  readonly #end: number;
  #position: number;
  #field = 0;
  #wire = 0;

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.#buffer = buffer;
    this.#position = start;
    this.#end = end;
  }

  /** Number of the next field, 0 at the end of the message. */
  next(): number {
    if (this.#position === this.#end) return 0;
    const tag = this.#unsigned();
    this.#field = Math.floor(tag / 8);
    this.#wire = tag % 8;
    if (this.#field === 0) throw truncated();
    return this.#field;
  }

  /** Passes over the value of the current field. */
  skip(): void {
    if (this.#wire === WIRE_VARINT) this.#unsigned();
    else if (this.#wire === WIRE_FIXED64) this.#advance(8);
    else if (this.#wire === WIRE_BYTES) this.#advance(this.#unsigned());
    else if (this.#wire === WIRE_FIXED32) this.#advance(4);
    else throw truncated();
  }

  /** A nested message. */
  message(): ProtobufReader {
    const [start, end] = this.span();
    return new ProtobufReader(this.#buffer, start, end);
  }

  /** Where the bytes of the current field lie in the buffer. */
  span(): [start: number, end: number] {
    this.#expect(WIRE_BYTES);
    const length = this.#unsigned();
    const start = this.#advance(length);
    return [start, start + length];
  }

  text(): string {
    const [start, end] = this.span();
    try {
      return utf8.decode(this.#buffer.subarray(start, end));
    } catch (error) {
      // Replacement characters would alter the text in silence.
      throw new ExporterError('bad_answer', "A text in the server's answer is not valid UTF-8.", { cause: error });
    }
  }

  double(): number {
    this.#expect(WIRE_FIXED64);
    return this.#buffer.readDoubleLE(this.#advance(8));
  }

  bool(): boolean {
    this.#expect(WIRE_VARINT);
    return this.#unsigned() !== 0;
  }

  /** int64: two's complement in up to ten bytes. */
  int64(): bigint {
    this.#expect(WIRE_VARINT);
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw truncated();
  }

  /** Repeated doubles, packed or one by one: appends what is here. */
  doubles(into: number[]): void {
    if (this.#wire === WIRE_FIXED64) {
      into.push(this.double());
      return;
    }
    const [start, end] = this.span();
    if ((end - start) % 8 !== 0) throw truncated();
    for (let at = start; at < end; at += 8) into.push(this.#buffer.readDoubleLE(at));
  }

  #expect(wire: number): void {
    if (this.#wire !== wire) throw truncated();
  }

  #advance(length: number): number {
    const start = this.#position;
    if (length > this.#end - start) throw truncated();
    this.#position = start + length;
    return start;
  }

  #byte(): number {
    if (this.#position >= this.#end) throw truncated();
    return this.#buffer[this.#position++]!;
  }

  /** A varint as a number; meant for tags, lengths and flags. */
  #unsigned(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw truncated();
  }
}
