// Random numbers for the sample project that can be asked for by index, so that no series needs to be held.

/** A number of 32 bits that looks random and is always the same for the same arguments (murmur3's mixing). */
export function hash(seed: number, index: number): number {
  let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** 0 to 1. */
export function uniform(seed: number, index: number): number {
  return hash(seed, index) / 2 ** 32;
}

/** About normal: mean 0, deviation 1. */
export function normal(seed: number, index: number): number {
  let sum = 0;
  for (let part = 0; part < 4; part++) sum += uniform(seed + part * 7919, index);
  return (sum - 2) * Math.sqrt(3);
}

/** Noise that wanders instead of jumping: runs smoothly through a random value each `period`. */
export function drift(seed: number, index: number, period: number): number {
  const at = index / period;
  const left = Math.floor(at);
  const part = at - left;
  const smooth = part * part * (3 - 2 * part);
  return normal(seed, left) * (1 - smooth) + normal(seed, left + 1) * smooth;
}

export function seedOf(text: string): number {
  let seed = 2166136261;
  for (const char of text) seed = Math.imul(seed ^ char.codePointAt(0)!, 16777619);
  return seed >>> 0;
}
