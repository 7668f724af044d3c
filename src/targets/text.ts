// Text as services can hold it: lengths in code points, no NUL, no half surrogate pairs, stable short hashes. Pure.

import { createHash } from 'node:crypto';

/** Length as Python counts it, and as limits of services that are written in it mean it. */
export function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xdc00) {
      const next = text.charCodeAt(i + 1);
      if (next >= 0xdc00 && next < 0xe000) {
        count--;
        i++;
      }
    }
  }
  return count;
}

/** The first `limit` code points. */
export function cutCodePoints(text: string, limit: number): string {
  if (text.length <= limit) return text;
  // No code point takes more than two units.
  return Array.from(text.slice(0, limit * 2))
    .slice(0, limit)
    .join('');
}

/** True if services keep the text as it is: PostgreSQL refuses NUL, JSON for protobuf half surrogate pairs. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** The text with U+FFFD for what isn't storable. */
export function storable(text: string): string {
  return isStorable(text) ? text : text.toWellFormed().replaceAll('\0', '\ufffd');
}

/** The first `digits` hex digits of the SHA-256 of the text. */
export function shortHash(text: string, digits = 8): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}

/** The text if it has at most `limit` code points, else its beginning and a hash of the whole, together `limit` long. */
export function cutWithHash(text: string, limit: number): string {
  if (codePoints(text) <= limit) return text;
  return `${cutCodePoints(text, limit - 9)}-${shortHash(text)}`;
}
