// A selection as the manifest records it.

import type { Manifest } from '../archive/types.ts';
import type { Selection } from '../model/runs.ts';

export function recordSelection({ attributes, classes, includePreviews }: Selection): Manifest['selection'] {
  return {
    attributes:
      attributes.kind === 'all'
        ? 'all'
        : attributes.kind === 'regex'
          ? { regex: attributes.pattern }
          : { names: [...new Set(attributes.names)].sort() },
    classes: [...classes].sort(),
    previews: includePreviews,
  };
}

/** True if a run exported by `recorded` holds all that `asked` asks for, as far as the words tell. */
export function coversSelection(recorded: Manifest['selection'], asked: Selection): boolean {
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
  return now.attributes === 'all' || JSON.stringify(now.attributes) === JSON.stringify(recorded.attributes);
}
