// What lies in an archive's folder, read without the program's own reader.

import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../../src/archive/types.ts';

/** All manifests below a data folder, by run id; with `scope` those of models or their versions only. */
export async function manifestsIn(dataPath: string, scope?: Manifest['scope']): Promise<Map<string, Manifest>> {
  const found: [string, Manifest][] = [];
  for await (const name of glob('**/_runs/*.json', { cwd: dataPath })) {
    const manifest = JSON.parse(await readFile(join(dataPath, name), 'utf8')) as Manifest;
    if (manifest.scope === scope) found.push([manifest.runId, manifest]);
  }
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}
