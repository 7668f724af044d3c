// A selection as the manifest records it.

import type { Manifest } from '../archive/types.ts';
import type { Selection } from '../model/runs.ts';

export function recordSelection(selection: Selection): Manifest['selection'] {
  const { attributes, classes, includePreviews, excluded = [], maxFileSize } = selection;
  return {
    attributes:
      attributes.kind === 'all'
        ? 'all'
        : attributes.kind === 'regex'
          ? { regex: attributes.pattern }
          : { names: [...new Set(attributes.names)].sort() },
    classes: [...classes].sort(),
    previews: includePreviews,
    ...(excluded.length > 0 ? { excluded: [...new Set(excluded)].sort() } : {}),
    ...(maxFileSize === undefined ? {} : { maxFileSize }),
  };
}

/** True if a run holds all that `asked` asks for, as far as its manifest tells. */
export function coversSelection(run: Manifest, asked: Selection): boolean {
  const recorded = run.selection;
  if (!leavesOutNoMore(recorded.excluded, asked.excluded)) return false;
  const { maxFileSize = Number.POSITIVE_INFINITY } = asked;
  if (asked.classes.has('files') && run.skippedFiles?.some(({ bytes }) => bytes <= maxFileSize)) return false;
  if (![...asked.classes].every((one) => recorded.classes.includes(one))) return false;
  if (asked.includePreviews && !recorded.previews) return false;
  if (recorded.attributes === 'all') return true;
  return JSON.stringify(recorded.attributes) === JSON.stringify(recordSelection(asked).attributes);
}

/** True if an export by `asked` holds all that one by `recorded` holds. */
export function keepsRecorded(asked: Selection, recorded: Manifest['selection']): boolean {
  const now = recordSelection(asked);
  if (!recorded.classes.every((one) => now.classes.includes(one))) return false;
  if (recorded.previews && !now.previews) return false;
  if (!leavesOutNoMore(now.excluded, recorded.excluded)) return false;
  const { maxFileSize = Number.POSITIVE_INFINITY } = now;
  if (maxFileSize < (recorded.maxFileSize ?? Number.POSITIVE_INFINITY)) return false;
  return now.attributes === 'all' || JSON.stringify(now.attributes) === JSON.stringify(recorded.attributes);
}

/** True if every pattern of exclusions is also among the others. */
function leavesOutNoMore(excluded: readonly string[] = [], others: readonly string[] = []): boolean {
  return excluded.every((pattern) => others.includes(pattern));
}
