// Sizes of files that people give as options.

import { InvalidArgumentError } from 'commander';

const UNITS: Record<string, bigint> = {
  '': 1n,
  b: 1n,
  kb: 1000n,
  mb: 1000n ** 2n,
  gb: 1000n ** 3n,
  tb: 1000n ** 4n,
  kib: 1024n,
  mib: 1024n ** 2n,
  gib: 1024n ** 3n,
  tib: 1024n ** 4n,
};

/**
 * Reads `1000` (bytes), `500MB`, `1.5 GB`, `2GiB`: MB is 1000², MiB is 1024²; case doesn't matter.
 * @returns bytes @throws InvalidArgumentError also for `500M`, which means both
 */
export function parseFileSize(text: string): number {
  const [, whole = '', fraction = '', letters = ''] = /^(\d+)(?:\.(\d+))?\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const unit = UNITS[letters.toLowerCase()];
  if (whole === '' || unit === undefined) {
    throw new InvalidArgumentError(
      'A size is written as 1000 (bytes), 500MB (1000² bytes each) or 2GiB (1024³ bytes each).',
    );
  }
  const bytes = (BigInt(whole + fraction) * unit) / 10n ** BigInt(fraction.length);
  if (bytes > BigInt(Number.MAX_SAFE_INTEGER)) throw new InvalidArgumentError('No file is as large as that.');
  return Number(bytes);
}
