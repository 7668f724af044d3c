// Sources by name.

import { createNeptune2Source } from './neptune2/index.ts';
import { createNeptune3Source } from './neptune3/index.ts';
import type { Source } from './source.ts';
import type { SourceOptions } from './source-options.ts';

export const SOURCE_NAMES = ['neptune3', 'neptune2'] as const;
export type SourceName = (typeof SOURCE_NAMES)[number];

/** @throws ExporterError `token_missing`, `token_invalid`; nothing is sent yet */
export function createSource(name: SourceName, options: SourceOptions): Source {
  return name === 'neptune2' ? createNeptune2Source(options) : createNeptune3Source(options);
}
