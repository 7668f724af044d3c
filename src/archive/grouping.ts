// Sorts the rows of a window by attribute: rows of foreign archives lie mixed, ordered by step.

/** Rows of one attribute, in their order: all from `start` to `end`, or those listed in `rows`. */
export interface RowSet {
  start: number;
  end: number;
  rows?: Int32Array;
}

/**
 * Groups rows with equal keys, in order of first appearance.
 * @param keys one number a row
 */
export function groupRows(keys: Int32Array): RowSet[] {
  const groupOfKey = new Map<number, number>();
  const groups: { first: number; last: number; count: number }[] = [];
  const groupOfRow = new Int32Array(keys.length);
  for (let row = 0; row < keys.length; row++) {
    // Neighbours mostly belong together.
    let group = row > 0 && keys[row] === keys[row - 1] ? groupOfRow[row - 1]! : groupOfKey.get(keys[row]!);
    if (group === undefined) {
      group = groups.push({ first: row, last: row, count: 0 }) - 1;
      groupOfKey.set(keys[row]!, group);
    }
    groupOfRow[row] = group;
    groups[group]!.last = row;
    groups[group]!.count++;
  }
  const sets: RowSet[] = groups.map(({ first, last, count }) => {
    const scattered = last - first + 1 !== count;
    return { start: first, end: last + 1, ...(scattered ? { rows: new Int32Array(count) } : {}) };
  });
  const filled = new Int32Array(groups.length);
  for (let row = 0; row < keys.length; row++) {
    const group = groupOfRow[row]!;
    const { rows } = sets[group]!;
    if (rows) rows[filled[group]!++] = row;
  }
  return sets;
}

/** Number of rows of a set. */
export function setSize(set: RowSet): number {
  return set.rows?.length ?? set.end - set.start;
}

/** Index of the nth row of a set. */
export function rowAt(set: RowSet, index: number): number {
  return set.rows ? set.rows[index]! : set.start + index;
}

/** The set's entries of an 8-byte column: a view where they lie together, else a copy, bit for bit. */
export function pick<T extends BigInt64Array | Float64Array>(column: T, set: RowSet): T {
  if (!set.rows) return column.subarray(set.start, set.end) as T;
  const from = new Int32Array(column.buffer, column.byteOffset, column.length * 2);
  const to = new Int32Array(set.rows.length * 2);
  for (let index = 0; index < set.rows.length; index++) {
    const row = set.rows[index]!;
    to[index * 2] = from[row * 2]!;
    to[index * 2 + 1] = from[row * 2 + 1]!;
  }
  return new (column.constructor as new (buffer: ArrayBuffer) => T)(to.buffer);
}

/** The set's validity, undefined if all its entries are there. */
export function pickValid(valid: Uint8Array | undefined, set: RowSet): Uint8Array | undefined {
  if (!valid) return undefined;
  const picked = set.rows ? Uint8Array.from(set.rows, (row) => valid[row]!) : valid.subarray(set.start, set.end);
  return picked.includes(0) ? picked : undefined;
}
