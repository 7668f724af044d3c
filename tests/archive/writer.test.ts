// The writer's promises: parts, names, what an interruption leaves, what is refused.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import { diskName, partName } from '../../src/archive/names.ts';
import { openArchive, readBatches } from '../../src/archive/reader.ts';
import type { ArchiveRun } from '../../src/archive/types.ts';
import { RunWriter, type RunWriterOptions } from '../../src/archive/writer.ts';
import type { Batch, FloatSeriesBatch } from '../../src/model/batches.ts';
import { rowCount } from '../../src/model/batches.ts';
import { ExporterError } from '../../src/model/errors.ts';
import { tempFolder } from '../helpers/temp.ts';

const RUN = { projectId: 'ws/p', runId: 'RUN-1' };
const FOLDER = diskName('ws/p');
const NAME = diskName('RUN-1');

/** Points that don't compress. */
function points(path: string, length: number, firstStep = 0): FloatSeriesBatch {
  return {
    kind: 'float_series',
    path,
    length,
    steps: BigInt64Array.from({ length }, (_, index) => BigInt(firstStep + index) * 1_000_000n),
    timestamps: BigInt64Array.from({ length }, (_, index) => 1_700_000_000_000n + BigInt(index * 100)),
    values: Float64Array.from({ length }, () => Math.random()),
  };
}

async function written(options: RunWriterOptions, batches: Batch[]) {
  const writer = await RunWriter.create(options);
  for (const batch of batches) await writer.append(batch);
  return writer.finish();
}

async function onlyRun(dataPath: string): Promise<ArchiveRun> {
  const archive = await openArchive(dataPath);
  const runs = [];
  for (const project of archive.projects()) for await (const run of archive.runs(project)) runs.push(run);
  assert.equal(runs.length, 1);
  return runs[0]!;
}

async function rowsOf(run: ArchiveRun): Promise<number> {
  let rows = 0;
  for await (const batch of readBatches(run)) rows += rowCount(batch);
  return rows;
}

test('parts roll over by their size on disk, and say what they are', async (t) => {
  const dataPath = await tempFolder(t);
  const batches = Array.from({ length: 8 }, (_, index) => points('loss', 5000, index * 5000));
  const result = await written({ ...RUN, dataPath, partBytes: 50_000, rowGroupBytes: 50_000 }, batches);
  assert.ok(result.parts.length > 3, `only ${result.parts.length} parts`);
  assert.deepEqual(
    result.parts.map(({ name }) => name),
    result.parts.map((_, part) => partName(NAME, part)),
  );
  for (const part of result.parts) {
    const content = await readFile(join(dataPath, FOLDER, part.name));
    assert.equal(content.length, part.bytes);
    assert.equal(createHash('sha256').update(content).digest('hex'), part.sha256);
  }
  assert.equal(
    result.parts.reduce((sum, { rows }) => sum + rows, 0),
    40_000,
  );
  assert.deepEqual(result.counts, { float_series: { attributes: 1, rows: 40_000 } });
  assert.deepEqual((await readdir(join(dataPath, FOLDER))).sort(), result.parts.map(({ name }) => name).sort());
  assert.equal(await rowsOf(await onlyRun(dataPath)), 40_000);
});

test('a run without rows has a part_0 that knows its ids', async (t) => {
  const dataPath = await tempFolder(t);
  const { parts } = await written({ ...RUN, runId: 'ничего', dataPath }, []);
  assert.equal(parts.length, 1);
  const run = await onlyRun(dataPath);
  assert.deepEqual([run.projectId, run.runId, await rowsOf(run)], ['ws/p', 'ничего', 0]);
});

test('nothing of a run is there before finish, and nothing at all after abort', async (t) => {
  const dataPath = await tempFolder(t);
  const writer = await RunWriter.create({ ...RUN, dataPath, partBytes: 1000, rowGroupBytes: 1000 });
  await writer.append(points('loss', 40_000));
  const names = await readdir(join(dataPath, FOLDER));
  assert.ok(names.length > 1);
  for (const name of names) assert.match(name, /_part_\d+\.parquet\.tmp$/);
  await assert.rejects(openArchive(dataPath), { code: 'archive' });
  await writer.abort();
  await writer.abort();
  assert.deepEqual(await readdir(join(dataPath, FOLDER)), []);
  await assert.rejects(writer.append(points('loss', 1)), /closed/);
});

test('what an interrupted export left is removed, and nothing else', async (t) => {
  const dataPath = await tempFolder(t);
  const folder = join(dataPath, FOLDER);
  await mkdir(folder, { recursive: true });
  const other = diskName('RUN-1_part_0');
  const kept = [partName(other, 3), `${partName(other, 0)}.tmp`, 'notes.txt'];
  for (const name of [...kept, partName(NAME, 2), partName(NAME, 1), `${partName(NAME, 0)}.tmp`]) {
    await writeFile(join(folder, name), 'left');
  }
  const writer = await RunWriter.create({ ...RUN, dataPath });
  assert.deepEqual((await readdir(folder)).sort(), kept.sort());
  await writer.abort();
});

test('a run that is there is refused, or replaced whole on request', async (t) => {
  const dataPath = await tempFolder(t);
  const small = { partBytes: 20_000, rowGroupBytes: 20_000 };
  await written({ ...RUN, ...small, dataPath }, [points('loss', 20_000), points('old', 20_000)]);
  await assert.rejects(RunWriter.create({ ...RUN, dataPath }), (error) => {
    assert.ok(error instanceof ExporterError);
    assert.equal(error.code, 'archive');
    assert.match(error.message, /RUN-1/);
    return true;
  });
  const writer = await RunWriter.create({ ...RUN, dataPath, replace: true });
  await writer.append(points('new', 7));
  assert.equal(await rowsOf(await onlyRun(dataPath)), 40_000);
  const { parts } = await writer.finish();
  assert.deepEqual(
    await readdir(join(dataPath, FOLDER)),
    parts.map(({ name }) => name),
  );
  assert.equal(await rowsOf(await onlyRun(dataPath)), 7);
});

test('a step beyond 18 digits is refused before anything of its batch is written', async (t) => {
  const dataPath = await tempFolder(t);
  const writer = await RunWriter.create({ ...RUN, dataPath });
  for (const step of [10n ** 18n, -(10n ** 18n), 2n ** 63n - 1n, -(2n ** 63n)]) {
    const batch = points('too/far', 3);
    batch.steps[2] = step;
    await assert.rejects(writer.append(batch), { code: 'unsupported', message: /too\/far/ });
  }
  const edge = points('edge', 2);
  edge.steps.set([10n ** 18n - 1n, -(10n ** 18n) + 1n]);
  await writer.append(edge);
  const { counts } = await writer.finish();
  assert.deepEqual(counts, { float_series: { attributes: 1, rows: 2 } });
});

test('overlapping calls are carried out one after the other', async (t) => {
  const dataPath = await tempFolder(t);
  const writer = await RunWriter.create({ ...RUN, dataPath, rowGroupBytes: 1000 });
  const calls: Promise<unknown>[] = [];
  for (let index = 0; index < 20; index++) {
    calls.push(writer.append(points('loss', 100, index * 100)));
    if (index % 5 === 0) calls.push(writer.flush());
  }
  const { parts } = await writer.finish();
  await Promise.all(calls);
  assert.equal(parts[0]?.rows, 2000);
  const steps: bigint[] = [];
  for await (const batch of readBatches(await onlyRun(dataPath))) {
    if (batch.kind === 'float_series') steps.push(...batch.steps);
  }
  assert.deepEqual(
    steps,
    Array.from({ length: 2000 }, (_, index) => BigInt(index) * 1_000_000n),
  );
});

test('a batch may be changed after it was appended', async (t) => {
  const dataPath = await tempFolder(t);
  const writer = await RunWriter.create({ ...RUN, dataPath });
  const batch = points('loss', 10);
  const values = [...batch.values];
  await writer.append(batch);
  batch.values.fill(0);
  batch.steps.fill(0n);
  await writer.finish();
  for await (const found of readBatches(await onlyRun(dataPath))) {
    assert.ok(found.kind === 'float_series');
    assert.deepEqual([...found.values], values);
    assert.equal(found.steps[9], 9_000_000n);
  }
});

test('memory in wait is told, bounded, and freed by flush', async (t) => {
  const dataPath = await tempFolder(t);
  const rowGroupBytes = 1 << 20;
  const writer = await RunWriter.create({ ...RUN, dataPath, rowGroupBytes });
  assert.equal(writer.bufferedBytes, 0);
  let most = 0;
  for (let index = 0; index < 30; index++) {
    await writer.append(points('loss', 5000, index * 5000));
    most = Math.max(most, writer.bufferedBytes);
  }
  assert.ok(most > rowGroupBytes / 2 && most < rowGroupBytes * 1.5, `${most} bytes`);
  await writer.append(points('loss', 5000));
  assert.ok(writer.bufferedBytes >= 5000 * 24);
  await writer.flush();
  assert.equal(writer.bufferedBytes, 0);
  const { size } = await stat(join(dataPath, FOLDER, `${partName(NAME, 0)}.tmp`));
  assert.ok(size > 155_000 * 8, `${size} bytes on disk`);
  await writer.abort();
});

test('text that UTF-8 can not hold is counted and told by attribute', async (t) => {
  const dataPath = await tempFolder(t);
  const told: string[] = [];
  const writer = await RunWriter.create({ ...RUN, dataPath, onAltered: (path) => told.push(path) });
  await writer.append({
    kind: 'scalars',
    rows: [
      { path: 'note', type: 'string', value: 'half \ud83d a smile' },
      { path: 'fine', type: 'string', value: '🙈' },
      { path: 'tags', type: 'string_set', value: ['ok', '\udc00'] },
    ],
  });
  const { alteredTexts } = await writer.finish();
  assert.deepEqual([alteredTexts, told], [2, ['note', 'tags']]);
  for await (const batch of readBatches(await onlyRun(dataPath))) {
    assert.ok(batch.kind === 'scalars');
    assert.equal(batch.rows[0]?.value, 'half \ufffd a smile');
  }
});

test('a folder that can not be written to is an error for people', async (t) => {
  const dataPath = await tempFolder(t);
  await writeFile(join(dataPath, FOLDER), 'a file in the way');
  await assert.rejects(RunWriter.create({ ...RUN, dataPath }), { name: 'ExporterError', code: 'disk' });
});

test('a fault while writing is told as what it is, and the writer stays broken', async (t) => {
  const dataPath = await tempFolder(t);
  const writer = await RunWriter.create({ ...RUN, dataPath });
  // A value that is none: what a faulty source might hand over.
  const rows = [{ path: 'n', type: 'int', value: 'x' as unknown as bigint }] as const;
  await assert.rejects(writer.append({ kind: 'scalars', rows: [...rows] }), SyntaxError);
  await assert.rejects(writer.append(points('loss', 1)), /broken/);
  await assert.rejects(writer.finish(), /broken/);
  await writer.abort();
  assert.deepEqual(await readdir(join(dataPath, FOLDER)), []);
});
