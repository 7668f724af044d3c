// Writes protobuf messages into one growing buffer.

const TWO_28 = 2 ** 28;

/**
 * Fields come out in the order they are written. The plain field methods leave out default values (0, "", false), as
 * proto3 does; those ending in `Always` write them, for `optional` and `oneof` fields and items of repeated ones.
 */
export class ProtobufWriter {
  #bytes: Buffer;
  #view: DataView;
  #length = 0;

  constructor(capacity = 4096) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** What has been written; not copied, so the writer is not to be used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Forgets what was written after `length`. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** Makes room, so that a large message isn't copied while it grows. */
  reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  string(field: number, value: string): void {
    if (value !== '') this.stringAlways(field, value);
  }

  stringAlways(field: number, value: string): void {
    const size = Buffer.byteLength(value);
    this.#tag(field, 2);
    this.#varint(size);
    this.reserve(size);
    this.#bytes.write(value, this.#length);
    this.#length += size;
  }

  bool(field: number, value: boolean): void {
    if (value) this.int(field, 1);
  }

  /** An int64 field. Numbers have to be safe integers. */
  int(field: number, value: number | bigint): void {
    if (value !== 0 && value !== 0n) this.intAlways(field, value);
  }

  intAlways(field: number, value: number | bigint): void {
    this.#tag(field, 0);
    this.#varint(value);
  }

  /** -0 is no default value: it is written. */
  double(field: number, value: number): void {
    if (!Object.is(value, 0)) this.doubleAlways(field, value);
  }

  doubleAlways(field: number, value: number): void {
    this.#tag(field, 1);
    this.reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** A repeated double, packed. */
  doubles(field: number, values: readonly number[]): void {
    if (values.length === 0) return;
    this.#tag(field, 2);
    this.#varint(values.length * 8);
    this.reserve(values.length * 8);
    for (const value of values) {
      this.#view.setFloat64(this.#length, value, true);
      this.#length += 8;
    }
  }

  float(field: number, value: number): void {
    if (Object.is(value, 0)) return;
    this.#tag(field, 5);
    this.reserve(4);
    this.#view.setFloat32(this.#length, value, true);
    this.#length += 4;
  }

  /** An embedded message with what `write` writes; it is there even if that is nothing. */
  message(field: number, write: () => void): void {
    this.#tag(field, 2);
    // The length stands before the content: one byte is kept for it, the content moves if it needs more.
    const start = this.#length + 1;
    this.reserve(1);
    this.#length = start;
    write();
    const size = this.#length - start;
    const extra = varintSize(size) - 1;
    if (extra > 0) {
      this.reserve(extra);
      this.#bytes.copyWithin(start + extra, start, start + size);
    }
    this.#length = start - 1;
    this.#varint(size);
    this.#length += size;
  }

  /**
   * A ProtoFloatPointValueDTO as item of field 2: timestamp, step, value, preview. Made by hand, for speed: this is
   * called for each point of a float series.
   */
  floatPoint(timestamp: number, step: number, value: number, completion: number | undefined): void {
    this.reserve(48);
    this.#bytes[this.#length] = 0x12;
    const start = this.#length + 2;
    this.#length = start;
    if (timestamp !== 0) {
      this.#bytes[this.#length++] = 0x08;
      this.#varint(timestamp);
    }
    if (!Object.is(step, 0)) {
      this.#bytes[this.#length] = 0x11;
      this.#view.setFloat64(this.#length + 1, step, true);
      this.#length += 9;
    }
    if (!Object.is(value, 0)) {
      this.#bytes[this.#length] = 0x19;
      this.#view.setFloat64(this.#length + 1, value, true);
      this.#length += 9;
    }
    if (completion !== undefined) {
      this.bool(4, true);
      this.float(5, completion);
    }
    // A point has at most 45 bytes, so its length fits one byte.
    this.#bytes[start - 1] = this.#length - start;
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number | bigint): void {
    this.reserve(10);
    if (typeof value === 'bigint' || value < 0) {
      let rest = BigInt.asUintN(64, BigInt(value));
      while (rest > 127n) {
        this.#bytes[this.#length++] = Number(rest & 127n) | 128;
        rest >>= 7n;
      }
      this.#bytes[this.#length++] = Number(rest);
      return;
    }
    // Bit operators work on 32 bits: larger numbers give up their lowest 28 bits first.
    let rest = value;
    while (rest >= TWO_28) {
      const low = rest % TWO_28;
      for (let shift = 0; shift < 28; shift += 7) this.#bytes[this.#length++] = ((low >>> shift) & 127) | 128;
      rest = Math.floor(rest / TWO_28);
    }
    while (rest > 127) {
      this.#bytes[this.#length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++;
  return size;
}
