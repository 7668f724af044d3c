// Single bits and lost ends, at places of chance: of ours each is found, of official parts as many as can be.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { flipped, officialCopy, ownArchive, ownManifest, partsIn, verify } from './kit.ts';

/** Numbers from 0 up to 1 that are the same in every run. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

test('every turned bit in parts, files and manifest of ours is found', async (t) => {
  const copy = await ownArchive(t);
  const random = chance(7);
  const paths = [...(await partsIn(copy.project)), join(copy.projectFiles, 'RUN-1/a/second.bin'), ownManifest(copy)];
  for (let round = 0; round < 200; round++) {
    const path = paths[round % paths.length]!;
    const bytes = await readFile(path);
    const at = Math.floor(random() * bytes.length);
    const bit = Math.floor(random() * 8);
    // Blanks between what the manifest says are not what it says.
    if (path.endsWith('.json') && bytes[at]! <= 32) continue;
    await writeFile(path, flipped(bytes, at, bit));
    const { problems } = await verify(copy);
    assert.ok(problems.length > 0, `bit ${bit} of byte ${at} of ${path}`);
    await writeFile(path, bytes);
  }
  assert.deepEqual((await verify(copy)).problems, []);
});

test('every official part that lost its end is found', async (t) => {
  const copy = await officialCopy(t);
  const random = chance(11);
  const paths = await partsIn(copy.project);
  for (let round = 0; round < 120; round++) {
    const path = paths[round % paths.length]!;
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, Math.floor(random() * bytes.length)));
    const { problems } = await verify(copy);
    assert.ok(problems.length > 0, `${path}`);
    await writeFile(path, bytes);
  }
});

test('most turned bits of official parts are found, though nothing recorded what they were', async (t) => {
  const copy = await officialCopy(t);
  const random = chance(13);
  const paths = await partsIn(copy.project);
  const rounds = 300;
  let found = 0;
  for (let round = 0; round < rounds; round++) {
    const path = paths[Math.floor(random() * paths.length)]!;
    const bytes = await readFile(path);
    await writeFile(path, flipped(bytes, Math.floor(random() * bytes.length), Math.floor(random() * 8)));
    if ((await verify(copy)).problems.length > 0) found++;
    await writeFile(path, bytes);
  }
  // About 70 of 100. What is missed are values that could be as they are, between the least and the greatest.
  assert.ok(found / rounds > 0.65, `only ${found} of ${rounds} were found`);
});

test('every overwritten block of official parts is found', async (t) => {
  const copy = await officialCopy(t);
  const random = chance(17);
  const paths = await partsIn(copy.project);
  for (let round = 0; round < 60; round++) {
    const path = paths[round % paths.length]!;
    const bytes = await readFile(path);
    const damaged = Buffer.from(bytes);
    const at = Math.floor(random() * Math.max(1, bytes.length - 512));
    damaged.fill(round % 2 === 0 ? 0 : 0xff, at, at + 512);
    await writeFile(path, damaged);
    assert.ok((await verify(copy)).problems.length > 0, `512 bytes at ${at} of ${path}`);
    await writeFile(path, bytes);
  }
});
