// Lists what lies below a folder, without ever following a link.

import { opendir } from 'node:fs/promises';
import { join } from 'node:path';

/** Folders inside each other; deeper ones are made to harm. */
const MAX_DEPTH = 200;

/** Plain files below a folder, and what is neither a file nor a folder: paths with `/`, sorted. */
export async function folderMembers(folder: string): Promise<{ files: string[]; odd: string[] }> {
  const files: string[] = [];
  const odd: string[] = [];
  await walkFolder(folder, (path, kind) => {
    if (kind === 'file') files.push(path);
    else if (kind === 'odd') odd.push(path);
    return true;
  });
  return { files: files.sort(), odd: odd.sort() };
}

/**
 * Walks through all that lies below a folder.
 * @param visit told of each entry; for a folder it says whether to go into it
 */
export async function walkFolder(
  folder: string,
  visit: (path: string, kind: 'file' | 'folder' | 'odd') => boolean | Promise<boolean>,
  prefix = '',
  depth = 0,
): Promise<void> {
  const folders: string[] = [];
  for await (const entry of await opendir(folder)) {
    const kind = entry.isFile() ? 'file' : entry.isDirectory() && depth < MAX_DEPTH ? 'folder' : 'odd';
    const goOn = await visit(prefix + entry.name, kind);
    if (kind === 'folder' && goOn) folders.push(entry.name);
  }
  for (const name of folders.sort()) await walkFolder(join(folder, name), visit, `${prefix}${name}/`, depth + 1);
}
