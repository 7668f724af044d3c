// Finds out whether doubles repeat enough for a dictionary, and makes it.

const SAMPLE = 1024;
/** As many doubles as pyarrow takes into a dictionary (1 MiB). */
const MAX_DISTINCT = 1 << 17;

/**
 * Dictionary of a column and the index of each entry, or undefined where it would save less than about a quarter. Values are told
 * apart by their bits, so that -0 and every NaN stay what they are.
 */
export function doubleDictionary(data: Float64Array): { values: Float64Array; indices: Int32Array } | undefined {
  if (data.length < 16 || !sampleRepeats(data)) return undefined;
  const limit = Math.min(MAX_DISTINCT, data.length >> 1);
  const table = new BitTable(limit);
  const indices = new Int32Array(data.length);
  const bits = new Int32Array(data.buffer, data.byteOffset, data.length * 2);
  for (let index = 0; index < data.length; index++) {
    const found = table.indexOf(bits[index * 2]!, bits[index * 2 + 1]!);
    if (found < 0) return undefined;
    indices[index] = found;
  }
  return { values: table.values(), indices };
}

/** False if nearly all of some entries, spread over the column, are different. */
function sampleRepeats(data: Float64Array): boolean {
  const size = Math.min(SAMPLE, data.length);
  const stride = Math.floor(data.length / size);
  const distinct = new Set<number>();
  for (let index = 0; index < size; index++) distinct.add(data[index * stride]!);
  return distinct.size <= size * 0.9;
}

/** Numbers 64-bit patterns by first appearance: a hash table with open addressing. */
class BitTable {
  readonly #limit: number;
  readonly #mask: number;
  /** Number of the pattern plus one; 0 is free. */
  readonly #slots: Int32Array;
  readonly #patterns: Int32Array;
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
    const size = 2 ** Math.ceil(Math.log2(limit * 2 + 2));
    this.#mask = size - 1;
    this.#slots = new Int32Array(size);
    this.#patterns = new Int32Array(limit * 2);
  }

  /** Number of the pattern, -1 if it is new and there is no more room. */
  indexOf(low: number, high: number): number {
    let hash = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const found = this.#slots[slot]! - 1;
      if (found < 0) return this.#add(slot, low, high);
      if (this.#patterns[found * 2] === low && this.#patterns[found * 2 + 1] === high) return found;
    }
  }

  values(): Float64Array {
    return new Float64Array(this.#patterns.buffer, 0, this.#count);
  }

  #add(slot: number, low: number, high: number): number {
    if (this.#count === this.#limit) return -1;
    this.#patterns[this.#count * 2] = low;
    this.#patterns[this.#count * 2 + 1] = high;
    this.#slots[slot] = ++this.#count;
    return this.#count - 1;
  }
}
