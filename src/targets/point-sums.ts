// Whether two heaps of points are the same, whatever their order and size: counts and sums of hashes, by buckets. Pure.

import { hash } from 'node:crypto';

/** Points are spread over these by step and time, so that what differs can be looked for in a part of them. */
const BUCKETS = 64;
/** Of SHA-256 that enter the sum: 128 bits. */
const LANES = 4;
const CELL = LANES + 1;

/** A point as a text of its own; a last part, the value, is told apart by a blank. */
export function pointText(step: string | number | bigint, timestamp: number | bigint, value: number): string {
  return `${step} ${timestamp} ${Object.is(value, -0) ? '-0' : value}`;
}

/** The bucket of a point: the same for all values at one step and time. */
export function bucketOf(point: string): number {
  let mixed = 0x811c9dc5;
  for (let at = point.lastIndexOf(' ') - 1; at >= 0; at--) mixed = Math.imul(mixed ^ point.charCodeAt(at), 0x01000193);
  return (mixed ^ (mixed >>> 15)) & (BUCKETS - 1);
}

/** As a text of bytes: a buffer for each point is memory outside the heap, which stays taken for long. */
function digestOf(point: string): string {
  return hash('sha256', point, 'binary');
}

/** A 32-bit word of a digest. */
function word(digest: string, index: number): number {
  const at = index * 4;
  const [low, high] = [digest.charCodeAt(at) | (digest.charCodeAt(at + 1) << 8), digest.charCodeAt(at + 2)];
  return (low | (high << 16) | (digest.charCodeAt(at + 3) << 24)) >>> 0;
}

/** A number from 0 to `parts` - 1 for a point, by all of it. */
export function partOf(point: string, parts: number): number {
  // Not of the bytes that buckets or sums are made of.
  return parts === 1 ? 0 : word(digestOf(point), LANES) % parts;
}

/**
 * Adds up points. Equal sums of 128-bit hashes are taken for equal heaps, points that are there twice included; that
 * nobody looks for collisions on purpose is assumed.
 */
export class PointSums {
  count = 0;
  /** By bucket: how many, and the lanes of the sum, each modulo 2^32. */
  readonly #cells = new Uint32Array(BUCKETS * CELL);

  add(point: string): void {
    this.count++;
    const digest = digestOf(point);
    const cell = bucketOf(point) * CELL;
    this.#cells[cell]!++;
    for (let lane = 0; lane < LANES; lane++) this.#cells[cell + 1 + lane]! += word(digest, lane);
  }

  equals(other: PointSums): boolean {
    return this.count === other.count && this.#cells.every((word, index) => word === other.#cells[index]);
  }

  /** Buckets in which the two differ, and how many points there are at most to look at in each. */
  differing(other: PointSums): { bucket: number; points: number }[] {
    const found: { bucket: number; points: number }[] = [];
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const cell = bucket * CELL;
      const [mine, theirs] = [this.#cells.subarray(cell, cell + CELL), other.#cells.subarray(cell, cell + CELL)];
      if (mine.every((word, index) => word === theirs[index])) continue;
      found.push({ bucket, points: mine[0]! + theirs[0]! });
    }
    return found;
  }
}
