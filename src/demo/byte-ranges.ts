// Parts of files: what a Range header asks for, and the bytes of it in pieces.

const PIECE = 1 << 18;

/** A single byte range of RFC 9110; undefined if the object has none of its bytes. */
export function rangeOf(header: string, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header);
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const suffix = match[1] === '';
  const start = suffix ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = suffix || match[2] === '' ? size : Math.min(size, Number(match[2]) + 1);
  return start < end ? { start, end } : undefined;
}

/** The bytes from `start` up to, not including, `end`. */
export function* pieces(
  read: (start: number, end: number) => Uint8Array,
  start: number,
  end: number,
): Iterable<Uint8Array> {
  for (let at = start; at < end; at += PIECE) yield read(at, Math.min(end, at + PIECE));
}
