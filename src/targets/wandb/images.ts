// Which files are images that W&B shows, and how large they are.

import { open } from 'node:fs/promises';
import { imageSize } from 'image-size';
import { readingArchive } from '../file-hash.ts';

/** Formats that W&B's pages show, by the words of `image-size`. */
const FORMATS: Readonly<Record<string, string>> = { png: 'png', jpg: 'jpg', gif: 'gif', bmp: 'bmp', webp: 'webp' };
/** Sizes stand at the beginning; cameras put much before them. */
const HEAD_BYTES = 512 * 1024;
const SIGNATURE_BYTES = 16;

export interface ImageFacts {
  format: string;
  width: number;
  height: number;
}

/** Undefined if the file is no image, whatever it is called. @throws ExporterError `archive` if it can't be read */
export async function imageFacts(file: string): Promise<ImageFacts | undefined> {
  return readingArchive(file, async () => {
    const handle = await open(file);
    try {
      const signature = await head(handle, SIGNATURE_BYTES);
      if (!mayBeImage(signature)) return undefined;
      const { type = '', width, height } = imageSize(await head(handle, HEAD_BYTES));
      const format = FORMATS[type];
      return format === undefined ? undefined : { format, width, height };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error;
      // Broken, or of a kind of its own.
      return undefined;
    } finally {
      await handle.close();
    }
  });
}

async function head(handle: { read: import('node:fs/promises').FileHandle['read'] }, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  const { bytesRead } = await handle.read(buffer, 0, bytes, 0);
  return buffer.subarray(0, bytesRead);
}

function mayBeImage(bytes: Buffer): boolean {
  const text = bytes.toString('latin1');
  const isRiff = text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP';
  return isRiff || ['\x89PNG\r\n\x1a\n', '\xff\xd8\xff', 'GIF8', 'BM'].some((start) => text.startsWith(start));
}
