// Work in threads: the same outcome as without, none that hangs, and an end within a moment when it is asked for.

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { Pool } from '../../src/archive/verify/pool.ts';
import { ExporterError } from '../../src/model/errors.ts';
import { tempFolder } from '../helpers/temp.ts';
import { officialCopy, ownArchive, partsIn, put } from './kit.ts';

const fileTask = (root: string, name: string) => ({ kind: 'files' as const, root, files: [{ parts: [name] }] });

test('threads find what is found without them', async (t) => {
  const copy = await officialCopy(t);
  const paths = await partsIn(copy.project);
  const outcomes = [];
  for (const inlineWeight of [0, Number.POSITIVE_INFINITY]) {
    let bytes = 0;
    const pool = new Pool({
      size: 2,
      inlineWeight,
      onBytes: (count) => {
        bytes += count;
      },
    });
    const results = await Promise.all(paths.map((path) => pool.run({ kind: 'part', path, content: true }, 1)));
    await pool.close();
    outcomes.push({ results, bytes });
  }
  assert.deepEqual(outcomes[0], outcomes[1]);
  assert.equal(outcomes[0]!.results.length, 4);
  assert.ok(outcomes[0]!.bytes > 80_000);
});

test('little work starts no thread', async (t) => {
  const copy = await ownArchive(t);
  const before = process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
  const pool = new Pool();
  for (const path of await partsIn(copy.project)) await pool.run({ kind: 'part', path, content: false }, 30_000);
  assert.equal(process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length, before);
  await pool.close();
});

test('a check that fails takes only its task with it, and the error says so', async (t) => {
  const folder = await tempFolder(t);
  await put(join(folder, 'good'), 'x');
  const pool = new Pool({ size: 1, inlineWeight: 0 });
  // No task that the program makes.
  const broken = { kind: 'files', root: null, files: [{ parts: null }] } as unknown as ReturnType<typeof fileTask>;
  const [bad, good] = await Promise.allSettled([pool.run(broken, 1), pool.run(fileTask(folder, 'good'), 1)]);
  assert.ok(bad?.status === 'rejected' && (bad.reason as ExporterError).code === 'internal');
  assert.equal(good?.status, 'fulfilled');
  await pool.close();
});

test('a thread that is killed is told, never waited for', async (t) => {
  const folder = await tempFolder(t);
  await put(join(folder, 'large'), Buffer.alloc(64 << 20));
  const pool = new Pool({ size: 1, inlineWeight: 0 });
  const task = pool.run(fileTask(folder, 'large'), 1);
  setTimeout(() => pool.close(), 20);
  await assert.rejects(task, (error: unknown) => error instanceof ExporterError && error.code === 'internal');
});

for (const inlineWeight of [0, Number.POSITIVE_INFINITY]) {
  test(`an abort ends the work at once, ${inlineWeight === 0 ? 'in threads' : 'without threads'}`, async (t) => {
    const folder = await tempFolder(t);
    await put(join(folder, 'large'), Buffer.alloc(256 << 20));
    const controller = new AbortController();
    const pool = new Pool({ size: 1, inlineWeight, signal: controller.signal });
    const tasks = Array.from({ length: 20 }, () => pool.run(fileTask(folder, 'large'), 1));
    const ended = Promise.allSettled(tasks);
    await new Promise((resolve) => setTimeout(resolve, 60));
    const asked = performance.now();
    controller.abort(new ExporterError('interrupted', 'Enough.'));
    for (const task of tasks) await assert.rejects(task, { code: 'interrupted' });
    assert.ok(performance.now() - asked < 1000);
    await ended;
    await assert.rejects(pool.run(fileTask(folder, 'large'), 1), { code: 'interrupted' });
    await pool.close();
    await rm(folder, { recursive: true });
  });
}
