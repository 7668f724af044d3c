// Reads thrift's compact protocol, as far as parquet uses it, from bytes that nobody may trust.

/** What a struct holds: `field_<number>`. Integers of 64 bits are bigints, texts are bytes. */
export type Thrift = Record<string, unknown>;

/** Structs and lists inside each other; parquet's deepest are half of that. */
const MAX_DEPTH = 24;
/** Values of one structure. The footer of a part with tens of thousands of column chunks has about a million. */
const MAX_VALUES = 4_000_000;
/** Bytes that an integer of 64 bits may take. */
const MAX_VARINT_BYTES = 10;

const STOP = 0;
const TRUE = 1;
const FALSE = 2;
const BYTE = 3;
const I16 = 4;
const I32 = 5;
const I64 = 6;
const DOUBLE = 7;
const BINARY = 8;
const LIST = 9;
const SET = 10;
const STRUCT = 12;

/**
 * Reads one struct. Time and memory are bounded by the bytes that are there, whatever sizes they declare.
 * @returns the struct, and where it ends
 * @throws Error if the bytes are cut, or no struct
 */
export function readThrift(bytes: Uint8Array): { value: Thrift; end: number } {
  const reader = new Reader(bytes);
  return { value: reader.struct(0), end: reader.at };
}

class Reader {
  at = 0;
  #values = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  struct(depth: number): Thrift {
    if (depth > MAX_DEPTH) throw new Error('thrift: too deep');
    const value: Thrift = {};
    for (let field = 0; ; ) {
      const head = this.#byte();
      const type = head & 15;
      if (type === STOP) return value;
      field = head >> 4 ? field + (head >> 4) : Number(this.#zigzag());
      value[`field_${field}`] = this.#element(type, depth);
    }
  }

  #element(type: number, depth: number): unknown {
    if (++this.#values > MAX_VALUES) throw new Error('thrift: too many values');
    switch (type) {
      case TRUE:
        return true;
      case FALSE:
        return false;
      case BYTE:
        return (this.#byte() << 24) >> 24;
      case I16:
      case I32:
        return Number(BigInt.asIntN(32, this.#zigzag()));
      case I64:
        return this.#zigzag();
      case DOUBLE: {
        const at = this.#take(8);
        return this.#view.getFloat64(at, true);
      }
      case BINARY: {
        const length = this.#size();
        const at = this.#take(length);
        return this.#bytes.subarray(at, at + length);
      }
      case LIST:
      case SET:
        return this.#list(depth + 1);
      case STRUCT:
        return this.struct(depth + 1);
      default:
        // Parquet has no maps.
        throw new Error(`thrift: a value of type ${type}`);
    }
  }

  #list(depth: number): unknown[] {
    if (depth > MAX_DEPTH) throw new Error('thrift: too deep');
    const head = this.#byte();
    const type = head & 15;
    const size = head >> 4 === 15 ? this.#size() : head >> 4;
    // Every element takes a byte at least.
    if (size > this.#bytes.length - this.at) throw new Error('thrift: a list is cut');
    const values: unknown[] = [];
    for (let index = 0; index < size; index++) {
      values.push(type === TRUE || type === FALSE ? this.#element(BYTE, depth) === 1 : this.#element(type, depth));
    }
    return values;
  }

  #byte(): number {
    return this.#bytes[this.#take(1)]!;
  }

  /** Passes over bytes. @returns where they begin */
  #take(count: number): number {
    const { at } = this;
    if (count > this.#bytes.length - at) throw new Error('thrift: cut');
    this.at += count;
    return at;
  }

  #size(): number {
    const size = this.#varint();
    if (size > BigInt(this.#bytes.length)) throw new Error('thrift: a size beyond the end');
    return Number(size);
  }

  #zigzag(): bigint {
    const value = this.#varint();
    return (value >> 1n) ^ -(value & 1n);
  }

  #varint(): bigint {
    let value = 0;
    // Most fit a double, which is quicker.
    for (let index = 0; index < 7; index++) {
      const byte = this.#byte();
      value += (byte & 127) * 2 ** (7 * index);
      if (byte < 128) return BigInt(value);
    }
    let large = BigInt(value);
    for (let index = 7; index < MAX_VARINT_BYTES; index++) {
      const byte = this.#byte();
      large |= BigInt(byte & 127) << BigInt(7 * index);
      if (byte < 128) return BigInt.asUintN(64, large);
    }
    throw new Error('thrift: an integer without end');
  }
}
