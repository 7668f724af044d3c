// Whatever the server holds is in the archive, type-exactly, as pyarrow reads it: the whole of `export` from the outside.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import type { Manifest } from '../../src/archive/types.ts';
import { sampleProject } from '../../src/demo/sample-project.ts';
import { oddDataSet } from '../demo/odd-data.ts';
import { assertExit, bench } from './harness.ts';

test('the sample project arrives whole, and a second export does nothing', async (t) => {
  const { exportAll, differences, server } = await bench(t, sampleProject());
  assertExit(await exportAll(), 0);
  assert.equal(await differences(), '');
  const before = [...server.counts.values()].reduce((sum, count) => sum + count, 0);
  const again = await exportAll('--json');
  assertExit(again, 0);
  const report = JSON.parse(again.stdout) as { exported: number; skipped: number; points: number };
  assert.equal(report.exported, 0);
  assert.ok(report.skipped > 5);
  assert.equal(report.points, 0);
  const after = [...server.counts.values()].reduce((sum, count) => sum + count, 0);
  assert.ok(after - before <= 2, 'a skipped run costs no request');
});

test('odd names, values, steps and runs arrive unharmed; the missing file is named', async (t) => {
  const { folder, exportAll, differences } = await bench(t, oddDataSet());
  const result = await exportAll('--error-report-file', 'errors.jsonl', '--json');
  assertExit(result, 3);
  assert.equal(await differences(), '');
  const lines = (await readFile(join(folder, 'errors.jsonl'), 'utf8')).trim().split('\n');
  assert.equal(lines.length, 1);
  const { project_id, run_id, attribute_path, attribute_type, code } = JSON.parse(lines[0]!) as Record<string, string>;
  assert.deepEqual(
    [project_id, run_id, attribute_path, attribute_type, code],
    ['odd-ws/odd projekt ü', 'everything', 'files/missing', 'file', 'not_found'],
  );
  const report = JSON.parse(result.stdout) as { partial: number; failed: number };
  assert.deepEqual([report.partial, report.failed], [1, 0]);
});

test('archived and trashed runs, and previews, come only when asked for', async (t) => {
  const { exportAll, differences } = await bench(t, oddDataSet());
  assertExit(await exportAll('--include-archived-runs', '--include-metric-previews'), 3);
  assert.equal(await differences('--archived', '--previews'), '');
});

test('the manifest says what is there', async (t) => {
  const { folder, exportAll } = await bench(t, oddDataSet());
  await exportAll();
  const [project] = await readdir(join(folder, 'data'));
  const names = await readdir(join(folder, 'data', project!, '_runs'));
  const manifests = await Promise.all(
    names
      .filter((name) => name.endsWith('.json'))
      .map(
        async (name) => JSON.parse(await readFile(join(folder, 'data', project!, '_runs', name), 'utf8')) as Manifest,
      ),
  );
  const everything = manifests.find(({ runId }) => runId === 'everything')!;
  assert.equal(everything.status, 'partial');
  assert.equal(everything.failures.length, 1);
  assert.equal(everything.counts.file_series?.rows, 11);
  assert.equal(everything.files.length, 11 + 4);
  const nothing = manifests.find(({ runId }) => runId === 'nothing')!;
  assert.equal(nothing.status, 'complete');
  assert.equal(nothing.parts.length, 1);
  assert.equal(manifests.length, 15);
});

test('runs and attributes are chosen as the options say', async (t) => {
  const rows = async (...more: string[]) => {
    const { exportAll } = await bench(t, oddDataSet());
    const result = await exportAll('--json', ...more);
    const { runs, points, files } = JSON.parse(result.stdout) as { runs: number; points: number; files: number };
    return { runs, points, files };
  };
  assert.deepEqual(await rows('-r', '^root$', '-c', 'metrics'), { runs: 1, points: 11, files: 0 });
  assert.deepEqual(await rows('-r', 'oo|child', '-c', 'metrics'), { runs: 3, points: 11 + 7 + 6, files: 0 });
  assert.deepEqual(await rows('-r', 'child & !grand', '-c', 'series'), { runs: 1, points: 7, files: 0 });
  assert.deepEqual(await rows('-r', '^root$', '-a', '^lineage/'), { runs: 1, points: 22, files: 0 });
  assert.deepEqual(await rows('-r', '^root$', '-a', 'lineage/values', '-a', 'sys/name'), {
    runs: 1,
    points: 12,
    files: 0,
  });
  assert.deepEqual(await rows('-r', '^everything$', '-a', 'a.b', '-a', 'a:b'), { runs: 1, points: 2, files: 0 });
  const files = await rows('-r', '^everything$', '-c', 'files');
  assert.deepEqual(files, { runs: 1, points: 11 + 5, files: 11 + 4 });
  const noFiles = await rows('-r', '^everything$', '--exclude', 'files');
  assert.equal(noFiles.files, 0);
});

test('a project without runs is no error', async (t) => {
  const { server, folder, env } = await bench(t, oddDataSet());
  const { runCli } = await import('../helpers/cli.ts');
  const result = await runCli(['export', '-p', 'odd-ws/empty', '--no-progress'], { cwd: folder, env });
  assertExit(result, 0);
  assert.match(result.stderr, /no runs/i);
  void server;
});
