// An archive in a folder of its own, exports from a fake source into it, and what a test wants to know of it.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { readManifest } from '../../src/archive/manifest.ts';
import { openArchive, readBatches } from '../../src/archive/reader.ts';
import { EXPORT_CLASSES, type ExportClass } from '../../src/model/attributes.ts';
import type { Failure } from '../../src/model/errors.ts';
import type { Source } from '../../src/sources/source.ts';
import { exportRuns } from '../../src/transfer/export.ts';
import type { ExportOptions } from '../../src/transfer/export-options.ts';
import { type PlainRow, plainRows } from '../archive/rows.ts';
import { tempFolder } from '../helpers/temp.ts';
import { type FakeRun, type FakeSource, fakeSource } from './fake-source.ts';

export interface Again extends Partial<Pick<ExportOptions, 'refresh' | 'acceptPartial' | 'signal' | 'filesPath'>> {
  classes?: ExportClass[];
}

/** The project is `w/p`; the first run is called `run`. */
export async function fakeBench(t: TestContext, run: FakeRun, name: Source['name'] = 'neptune3') {
  const folder = await tempFolder(t);
  const [dataPath, filesPath] = [join(folder, 'data'), join(folder, 'files')];
  const source: FakeSource = fakeSource(name, { 'w/p': { runs: { run: { modifiedAt: 1, ...run } } } });
  const failures: Failure[] = [];
  return {
    folder,
    dataPath,
    filesPath,
    source,
    failures,
    /** Changes a run at the source, or makes it. */
    now(change: Partial<FakeRun>, runId = 'run') {
      const runs = source.projects['w/p']!.runs!;
      runs[runId] = { ...(runs[runId] ?? { modifiedAt: 1 }), ...change };
      source.seriesRead.length = 0;
      source.downloads.length = 0;
      failures.length = 0;
    },
    exportAll: ({ classes = [...EXPORT_CLASSES], ...more }: Again = {}, from: Source = source) =>
      exportRuns({
        source: from,
        projects: ['w/p'],
        filter: { includeArchived: false },
        selection: { attributes: { kind: 'all' }, classes: new Set(classes), includePreviews: false },
        dataPath,
        filesPath,
        writtenBy: 'test',
        errors: { record: (_project, _run, failure) => failures.push(failure) },
        ...more,
      }),
    manifest: async (runId = 'run') => (await readManifest(dataPath, 'w/p', runId))!,
    /** Values of an attribute, in their order; doubles as numbers. */
    async values(path: string, runId = 'run'): Promise<unknown[]> {
      const archive = await openArchive(dataPath);
      const rows: PlainRow[] = [];
      for await (const one of archive.runs(archive.projects()[0]!)) {
        if (one.runId === runId) for await (const batch of readBatches(one)) rows.push(...plainRows(batch));
      }
      return rows
        .filter((row) => row.path === path)
        .map(({ float, string, file, int }) =>
          float === undefined ? (string ?? file ?? int ?? null) : doubleOf(float),
        );
    },
    /** Files below the folder of files, with their content. */
    async files(): Promise<Record<string, string>> {
      const entries = await readdir(filesPath, { recursive: true, withFileTypes: true }).catch(() => []);
      const found: Record<string, string> = {};
      for (const entry of entries.filter((one) => one.isFile())) {
        const path = join(entry.parentPath, entry.name);
        // Below the project's own folder.
        found[path.slice(filesPath.length + 1).replace(/^[^/]*\//, '')] = await readFile(path, 'utf8');
      }
      return found;
    },
    /** What an export leaves when it ends early. */
    async leftovers(): Promise<string[]> {
      const names = await readdir(folder, { recursive: true });
      return names.filter((one) => /\.(tmp|download|downloads\.jsonl|next)$|_staged|_lock/.test(one));
    },
  };
}

/** A double from its bits in hex. */
function doubleOf(bits: unknown): number | null {
  return bits === null ? null : Buffer.from(String(bits), 'hex').readDoubleBE(0);
}
