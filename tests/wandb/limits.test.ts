// What W&B limits: sizes of lines and requests, requests in a time, how long upload addresses are good.

import assert from 'node:assert/strict';
import test from 'node:test';
import type { WandbClient } from '../../src/targets/wandb/client.ts';
import { FileStream } from '../../src/targets/wandb/file-stream.ts';
import { fileSeries, histograms, strings } from '../helpers/archive-runs.ts';
import { codesOf, WandbBench } from './bench.ts';
import { csvRows } from './loaded-run.ts';
import { png } from './pictures.ts';
import { counting, filesRun, run } from './runs.ts';

const T = 1_700_000_000_000;

test('many lines go in requests of a size that W&B takes', async (t) => {
  const bench = await WandbBench.create(t);
  // 200 metrics in each line: some 30 MB of lines.
  const series = Array.from({ length: 200 }, (_, i) =>
    counting(`metric/number/${i}`, 0, 4999, (step) => Math.sin(step * i)),
  );
  await bench.write(run('r', series));
  assert.equal((await bench.load()).loaded, 1);
  const [held] = bench.server.runs();
  assert.equal(held!.historyLines.length, 5000);
  const bytes = held!.historyLines.reduce((sum, line) => sum + line.length, 0);
  assert.ok(bytes > 3 * (10 << 20), `${bytes} bytes`);
  assert.ok(bench.requests('fileStream') >= 3 && bench.requests('fileStream') < 40, `${bench.requests('fileStream')}`);
  assert.deepEqual(Object.keys(JSON.parse(held!.historyLines[4999]!) as object).length, 203);
  assert.deepEqual(bench.refusals, []);
});

test('histograms that make a line too long are left out of the history, and kept', async (t) => {
  const bench = await WandbBench.create(t);
  // 512 bins have some 20 kB; a line takes 500 of them.
  const values = Array.from({ length: 512 }, (_, i) => Math.floor(1e15 / (i + 3)));
  const edges = Array.from({ length: 513 }, (_, i) => Math.sin(i) + i * 2);
  const series = Array.from({ length: 700 }, (_, i) => histograms(`h${i}`, [['0', T, { edges, values }]]));
  await bench.write(run('r', [counting('m', 0, 2), ...series]));
  const report = await bench.load();
  const leftOut = codesOf(report).row_too_long ?? 0;
  assert.ok(leftOut > 0 && leftOut < 700, `${leftOut}`);
  const [held] = bench.server.runs();
  for (const line of held!.historyLines) assert.ok(Buffer.byteLength(line) <= 10_383_360);
  const loaded = await bench.run();
  const shown = loaded.attributes.filter(
    ({ path, type }) => type === 'histogram_series' && loaded.rows(path).length > 0,
  );
  assert.equal(shown.length, 700 - leftOut);
  assert.equal(loaded.points('m').length, 3);
  for (const { path } of loaded.attributes.filter(({ type }) => type === 'histogram_series'))
    assert.equal(loaded.keptLines('histograms', path)?.length, 1, path);
  assert.deepEqual(bench.refusals, []);
});

test('so many metrics at one step that no line holds them: what is left out is kept', async (t) => {
  const bench = await WandbBench.create(t);
  const count = 55_000;
  const series = Array.from({ length: count }, (_, i) => counting(`${'a long name/'.repeat(15)}${i}`, 0, 0, () => i));
  await bench.write(run('r', [...series, counting('m', 0, 2)]));
  const report = await bench.load();
  assert.equal(report.loaded, 1);
  const [held] = bench.server.runs();
  for (const text of [...held!.historyLines, held!.summaryText]) assert.ok(Buffer.byteLength(text) <= 10_383_360);
  const loaded = await bench.run();
  const kept = new Set(csvRows(loaded.text('neptune_exporter/series.csv.gz') ?? '').map(([attribute]) => attribute));
  const first = loaded.run.rows[0]!;
  for (const { path, key, type } of loaded.attributes) {
    if (type === 'float_series') assert.ok(Object.hasOwn(first, key ?? '') || kept.has(path), path);
  }
  assert.equal(codesOf(report).row_too_long, kept.size - 1, 'but for the head');
});

test('5,000 series of one run', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(
    run(
      'r',
      Array.from({ length: 5000 }, (_, i) => counting(`m${i}`, i % 7, 9, (step) => i + step)),
    ),
  );
  assert.equal((await bench.load()).loaded, 1);
  const { run: read } = await bench.run();
  assert.deepEqual(
    read.rows.map((row) => Object.keys(row).length - 3),
    [715, 1430, 2144, 2858, 3572, 4286, 5000, 5000, 5000, 5000],
  );
  assert.equal(read.rows[9]?.m4321, 4330);
  assert.equal(read.summary.m4321, 4330);
});

test('after a very long line requests are as small as before', async () => {
  const sizes: number[] = [];
  const client = {
    async fileStream(_: unknown, body: Buffer) {
      const { content } = JSON.parse(body.toString()).files['wandb-history.jsonl'] as { content: string[] };
      sizes.push(content.reduce((sum, text) => sum + text.length, 0));
      return {};
    },
  } as unknown as WandbClient;
  const place = { entity: 'e', project: 'p', name: 'r' };
  const { signal } = new AbortController();
  const stream = new FileStream({ client, place, canGzip: false, inherited: 0, there: 0, signal });
  // Quotes take two bytes more in a request than in the line.
  const lines = ['\\"'.repeat(10_000_000), ...Array.from({ length: 300 }, () => 'x'.repeat(100_000))];
  for (const [step, text] of lines.entries()) await stream.add({ step, text, bytes: text.length });
  await stream.flush();
  assert.equal(sizes[0], 10_000_000);
  assert.ok(
    sizes.every((size) => size <= 10 << 20),
    String(sizes),
  );
});

test('a rate limit is heeded', async (t) => {
  const bench = await WandbBench.create(t, { limits: { requestsPerSecond: 5 } });
  await bench.putFile('f.txt', 'x');
  await bench.write(
    ...['a', 'b'].map((name) => filesRun(name, { f: 'f.txt' }, [counting('m', 0, 99), strings('s', [['0', T, 'x']])])),
  );
  const report = await bench.load();
  assert.deepEqual([report.loaded, report.failed], [2, 0]);
  const refused = bench.refusals.filter((one) => one.includes(' 429 ')).length;
  assert.ok(refused <= 20, `${refused} refusals: each wait is heeded by all`);
});

test('an upload address that has ended is asked for again', async (t) => {
  const bench = await WandbBench.create(t, { limits: { urlSeconds: -1 } });
  await bench.putFile('f.txt', 'x');
  await bench.putFile('i.png', png(2, 2));
  await bench.write(
    filesRun('r', { f: 'f.txt' }, [fileSeries('i', [['0', T, 'i.png']]), strings('s', [['0', T, 'x']])]),
  );
  const timer = setInterval(() => {
    // Addresses are good again once some were refused.
    if (bench.refusals.some((one) => one.includes('expired'))) healed();
  }, 20);
  const healed = () => {
    clearInterval(timer);
    bench.server.site.storage.setSeconds(3600);
  };
  t.after(() => clearInterval(timer));
  const report = await bench.load();
  assert.deepEqual([report.loaded, report.failed], [1, 0]);
  assert.ok(bench.refusals.some((one) => /PUT storage 403 .*expired/.test(one)));
  const loaded = await bench.run();
  assert.equal(Object.keys(loaded.files('f')).length, 1);
});

test('addresses that are never good are a failure in the end', async (t) => {
  const bench = await WandbBench.create(t, { limits: { urlSeconds: -1 } });
  await bench.putFile('f.txt', 'x');
  await bench.write(filesRun('r', { f: 'f.txt' }, [counting('m', 0, 3)]));
  const report = await bench.load([], { code: 3, env: { NEPTUNE_EXPORTER_RETRY_SECONDS: '2' } });
  assert.equal(report.failed, 1);
  assert.notEqual(bench.server.runs()[0]?.state, 'finished');
});

test('many files go in calls that W&B takes', async (t) => {
  const bench = await WandbBench.create(t);
  const count = 2500;
  const points = Array.from({ length: count }, (_, i): [string, number, string] => [String(i), T + i, `f/${i}.bin`]);
  for (const [i, [, , path]] of points.entries()) await bench.putFile(path, `content ${i}`);
  await bench.write(run('r', [fileSeries('f', points)]));
  assert.equal((await bench.load()).loaded, 1);
  assert.equal(
    Object.keys(bench.server.runs()[0]!.artifacts[0]!.entries).filter((path) => path.startsWith('files/')).length,
    count,
  );
  const calls = bench.requests('createArtifactFiles');
  assert.ok(calls >= 2 && calls <= 110, `${calls} calls`);
  assert.deepEqual(bench.refusals, []);
});
