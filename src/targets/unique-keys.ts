// A key for each attribute where a service's rules for names would make one of several. Pure.

import { shortHash } from './text.ts';

export interface KeyRules {
  /** The target can't hold both `a` and `a/b`: one is a file, the other needs a folder. */
  nested: boolean;
  /** Names that differ only in case count as one, as they are on many disks. */
  caseBlind: boolean;
  /** Characters of the longest key. */
  longest: number;
}

/**
 * Gives each path a key of its own. `plain` says which key a path would have if it were alone. Where several paths would have one key, a path that is its own key keeps it, and
 * the others end with `_` and a hash of their path. Depends on the set of paths only, not on their order.
 */
export function assignKeys(
  paths: Iterable<string>,
  plain: (path: string) => string,
  rules: KeyRules,
): Map<string, string> {
  const fold = (key: string) => (rules.caseBlind ? key.toLowerCase() : key);
  const groups = new Map<string, string[]>();
  for (const path of new Set(paths)) {
    const key = fold(plain(path));
    const group = groups.get(key);
    if (group) group.push(path);
    else groups.set(key, [path]);
  }
  const folders = rules.nested ? parentFolders(groups.keys()) : new Set<string>();
  const assigned = new Map<string, string>();
  const taken = new Set<string>();
  const crowded: string[] = [];
  for (const [key, group] of groups) {
    const keeper = folders.has(key) ? undefined : group.length === 1 ? group[0] : identical(group, plain);
    if (keeper !== undefined) {
      assigned.set(keeper, plain(keeper));
      taken.add(key);
    }
    for (const path of group) if (path !== keeper) crowded.push(path);
  }
  for (const path of crowded.sort()) {
    let key = '';
    for (let digits = 8; key === '' || taken.has(fold(key)) || folders.has(fold(key)); digits += 8) {
      key = `${plain(path).slice(0, rules.longest - digits - 1)}_${shortHash(path, digits)}`;
    }
    assigned.set(path, key);
    taken.add(fold(key));
  }
  return assigned;
}

/** With case folded, several paths may be their own keys: the first in order keeps it. */
function identical(group: string[], plain: (path: string) => string): string | undefined {
  return group.filter((path) => plain(path) === path).sort()[0];
}

/** All folders that lie above some keys. */
export function parentFolders(keys: Iterable<string>): Set<string> {
  const folders = new Set<string>();
  for (const key of keys) {
    for (let at = key.lastIndexOf('/'); at > 0; at = key.lastIndexOf('/', at - 1)) {
      if (folders.has(key.slice(0, at))) break;
      folders.add(key.slice(0, at));
    }
  }
  return folders;
}
