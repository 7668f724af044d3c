// A tiny writer of thrift's compact protocol, for parquet files that no honest program writes.

/** A field's value: what its type is follows from it. */
export type Value = number | bigint | string | Uint8Array | boolean | Value[] | { [field: number]: Value } | Raw;

/** Bytes as they are, with the type that they pass for. */
export class Raw {
  readonly type: number;
  readonly bytes: Uint8Array;

  constructor(type: number, bytes: Uint8Array) {
    this.type = type;
    this.bytes = bytes;
  }
}

export function varint(value: bigint | number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

function zigzag(value: bigint): Buffer {
  return varint(value >= 0n ? value * 2n : -value * 2n - 1n);
}

/** Numbers are of 32 bits, bigints of 64. */
function encode(value: Value): { type: number; bytes: Uint8Array } {
  if (value instanceof Raw) return value;
  if (typeof value === 'boolean') return { type: value ? 1 : 2, bytes: Buffer.alloc(0) };
  if (typeof value === 'number') return { type: 5, bytes: zigzag(BigInt(value)) };
  if (typeof value === 'bigint') return { type: 6, bytes: zigzag(value) };
  if (typeof value === 'string') return encode(Buffer.from(value));
  if (value instanceof Uint8Array) return { type: 8, bytes: Buffer.concat([varint(value.length), value]) };
  if (Array.isArray(value)) return { type: 9, bytes: list(value) };
  return { type: 12, bytes: struct(value) };
}

function list(values: Value[]): Buffer {
  const items = values.map(encode);
  const type = items[0]?.type ?? 12;
  return Buffer.concat([listHead(values.length, type), ...items.map(({ bytes }) => bytes)]);
}

/** The beginning of a list: whatever follows, it says how long it is. */
export function listHead(length: number, type: number): Buffer {
  return length < 15
    ? Buffer.from([(length << 4) | type])
    : Buffer.concat([Buffer.from([0xf0 | type]), varint(length)]);
}

export function struct(fields: { [field: number]: Value }): Buffer {
  const parts: Uint8Array[] = [];
  let last = 0;
  for (const [key, value] of Object.entries(fields)) {
    const field = Number(key);
    const { type, bytes } = encode(value);
    parts.push(Buffer.from([((field - last) << 4) | type]), bytes);
    last = field;
  }
  return Buffer.concat([...parts, Buffer.from([0])]);
}

/** What the reader's thrift gives, as what this writer takes: to change some of it. */
export function rewritable(value: unknown): Value {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value as Value;
  if (Array.isArray(value)) return value.map(rewritable);
  const entries = Object.entries(value).map(([name, entry]) => [
    Number(name.slice('field_'.length)),
    rewritable(entry),
  ]);
  return Object.fromEntries(entries) as { [field: number]: Value };
}
