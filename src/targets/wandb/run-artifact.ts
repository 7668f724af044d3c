// The files of a run's artifact as they are gathered, and the images among them on their way to W&B's media.

import { basename } from 'node:path';
import type { FileStore, Origin } from '../file-store.ts';
import { decimalStepText } from '../steps.ts';
import type { ArtifactEntry } from './artifact-save.ts';
import { fileDigests } from './file-digests.ts';
import { imageFacts } from './images.ts';
import { type Image, mediaPath } from './media.ts';
import type { MediaFile } from './run-files.ts';

export interface RunArtifactOptions {
  /** Takes an image of an attribute: its file, and what its value in the history says. */
  onImage: (origin: Origin, image: Image, file: MediaFile) => Promise<void>;
  /** The key of an attribute's images. */
  keyOf: (origin: Origin) => string;
  /** The whole step of a point, for names of media files. */
  wholeStep: (micro: bigint) => number;
  signal: AbortSignal;
}

/** An entry with the attribute that it comes from. */
export type OwnedEntry = ArtifactEntry & { origin: Origin | undefined };

export class RunArtifactFiles implements FileStore {
  readonly entries = new Map<string, OwnedEntry>();
  readonly #options: RunArtifactOptions;

  constructor(options: RunArtifactOptions) {
    this.#options = options;
  }

  async put(path: string, file: string, origin?: Origin): Promise<void> {
    const { onImage, keyOf, wholeStep, signal } = this.#options;
    const { bytes, md5, sha256 } = await fileDigests(file, signal);
    this.entries.set(path, { file, bytes, md5, origin });
    if (origin?.type !== 'file' && origin?.type !== 'file_series') return;
    const facts = await imageFacts(file);
    if (!facts) return;
    const step = origin.point?.step;
    const name = basename(path);
    const place = mediaPath('images', keyOf(origin), step === undefined ? 0 : wholeStep(step), sha256, facts.format);
    const caption = step === undefined ? name : `${name} (step ${decimalStepText(step)})`;
    await onImage(origin, { path: place, sha256, bytes, ...facts, caption }, { path: place, file, bytes, md5 });
  }
}
