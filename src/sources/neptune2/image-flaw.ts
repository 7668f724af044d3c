// Nobody tells the size of an image, but the usual formats say how they end.

import type { FileHandle } from 'node:fs/promises';

interface Format {
  name: string;
  begins: Buffer;
  ends: Buffer;
}

const FORMATS: Format[] = [
  { name: 'PNG', begins: Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ends: Buffer.from('IEND') },
  { name: 'JPEG', begins: Buffer.from([0xff, 0xd8, 0xff]), ends: Buffer.from([0xff, 0xd9]) },
];
/** Some programs put a little behind the end. */
const TAIL_BYTES = 1024;

/** What is wrong with an image that begins as one of a known format and doesn't end like it. */
export async function imageFlaw(file: FileHandle, bytes: number): Promise<string | undefined> {
  const head = Buffer.alloc(8);
  await file.read(head, 0, head.length, 0);
  const format = FORMATS.find(({ begins }) => head.subarray(0, begins.length).equals(begins));
  if (!format) return undefined;
  const tail = Buffer.alloc(Math.min(bytes, TAIL_BYTES));
  await file.read(tail, 0, tail.length, bytes - tail.length);
  return tail.includes(format.ends) ? undefined : `The ${format.name} image ends after ${bytes} bytes without its end.`;
}
