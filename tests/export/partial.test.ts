// Partial runs: completed by the next export, never replaced by less than what is there.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import type { Manifest } from '../../src/archive/types.ts';
import { attribute, type DataSet, type DemoAttribute, fileOf, seriesOf } from '../../src/demo/dataset.ts';
import { assertExit, bench } from './harness.ts';

const TIME = Date.UTC(2025, 0, 1);

/** One run with points and two files, of which one may be missing. */
function data(missing: boolean): DataSet {
  const points = Array.from({ length: 1000 }, (_, step) => [step, TIME + step, step / 3] as const);
  const attributes: [string, DemoAttribute][] = [
    ['sys/id', attribute.string('P-1')],
    ['sys/custom_run_id', attribute.string('run')],
    ['loss', { type: 'floatSeries', series: seriesOf(points) }],
    ['there', attribute.file(fileOf('f/there', 'text/plain', 'here I am'))],
    [
      'lost',
      attribute.file(
        missing ? { path: 'f/lost', sizeBytes: 4, mimeType: 'text/plain' } : fileOf('f/lost', 'text/plain', 'back'),
      ),
    ],
  ];
  return { projects: [{ path: 'w/p', key: 'P', runs: [{ attributes: new Map(attributes) }] }] };
}

async function manifest(folder: string): Promise<Manifest> {
  const [project] = await readdir(join(folder, 'data'));
  const runs = join(folder, 'data', project!, '_runs');
  const name = (await readdir(runs)).find((one) => one.endsWith('.json'))!;
  return JSON.parse(await readFile(join(runs, name), 'utf8')) as Manifest;
}

test('the next export completes a partial run, and fetches only the files that are missing', async (t) => {
  const { server, folder, exportAll, differences } = await bench(t, data(true));
  assertExit(await exportAll(), 3);
  assert.equal(await differences(), '');
  const first = await manifest(folder);
  assert.equal(first.status, 'partial');
  assert.deepEqual(
    first.failures.map(({ attributePath, code }) => [attributePath, code]),
    [['lost', 'not_found']],
  );
  server.replaceData(data(false));
  const before = server.counts.get('GET /storage/ 200') ?? 0;
  assertExit(await exportAll(), 0);
  assert.equal((server.counts.get('GET /storage/ 200') ?? 0) - before, 1);
  const second = await manifest(folder);
  assert.equal(second.status, 'complete');
  assert.deepEqual(second.files.map(({ attributePath }) => attributePath).sort(), ['lost', 'there']);
});

test('an export of less leaves a partial run as it is, and says so', async (t) => {
  const { folder, exportAll, differences } = await bench(t, data(true));
  assertExit(await exportAll(), 3);
  const before = await manifest(folder);
  const narrow = await exportAll('-c', 'parameters');
  assertExit(narrow, 3);
  assert.match(narrow.stderr, /wider selection/);
  assert.deepEqual(await manifest(folder), before);
  assert.equal(await differences(), '');
});

test('a worse try does not replace a better one', async (t) => {
  const { server, folder, exportAll, differences } = await bench(t, data(true));
  assertExit(await exportAll(), 3);
  const before = await manifest(folder);
  server.replaceFaults([{ path: /series\/float/, fault: { kind: 'status', status: 400 } }]);
  assertExit(await exportAll(), 3);
  assert.deepEqual(await manifest(folder), before);
  assert.equal(await differences(), '');
});

test('a damaged manifest stops only its own run, and is not written over', async (t) => {
  const { server, folder, exportAll } = await bench(t, data(false));
  assertExit(await exportAll(), 0);
  const [project] = await readdir(join(folder, 'data'));
  const runs = join(folder, 'data', project!, '_runs');
  const [name] = await readdir(runs);
  const { writeFile } = await import('node:fs/promises');
  await writeFile(join(runs, name!), '{"format":');
  const other = data(false).projects[0]!.runs[0]!.attributes;
  const second = new Map(other)
    .set('sys/id', attribute.string('P-2'))
    .set('sys/custom_run_id', attribute.string('second'));
  server.replaceData({ projects: [{ path: 'w/p', key: 'P', runs: [{ attributes: other }, { attributes: second }] }] });
  const result = await exportAll('--json');
  assertExit(result, 3);
  const { exported, failed } = JSON.parse(result.stdout) as { exported: number; failed: number };
  assert.deepEqual([exported, failed], [1, 1]);
  assert.equal(await readFile(join(runs, name!), 'utf8'), '{"format":');
});

test('texts of many megabytes come in smaller answers', async (t) => {
  const text = (seed: number) => String.fromCharCode(97 + (seed % 26)).repeat(1 << 20);
  const runs = Array.from({ length: 12 }, (_, run) => {
    const texts = Array.from({ length: run === 0 ? 40 : 3 }, (__, index): [string, DemoAttribute] => [
      `text/${index}`,
      attribute.string(text(run + index)),
    ]);
    return {
      attributes: new Map<string, DemoAttribute>([
        ['sys/id', attribute.string(`T-${run}`)],
        ['sys/custom_run_id', attribute.string(`run ${run}`)],
        ...texts,
      ]),
    };
  });
  const { exportAll, differences } = await bench(t, { projects: [{ path: 'w/texts', key: 'T', runs }] });
  assertExit(await exportAll(), 0);
  assert.equal(await differences(), '');
});
