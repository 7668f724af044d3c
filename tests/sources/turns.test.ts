import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Turns } from '../../src/sources/turns.ts';

async function* chunks(count: number, pauseMs?: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    if (pauseMs !== undefined) await sleep(pauseMs);
    yield Uint8Array.of(i);
  }
}

async function readAll(name: string, body: AsyncIterable<Uint8Array>, into: string[]): Promise<void> {
  for await (const [number] of body) into.push(`${name}${number}`);
}

test('of answers that are all there, the one asked for first is read to its end first', async () => {
  const turns = new Turns();
  const read: string[] = [];
  await Promise.all(['a', 'b', 'c'].map((name) => readAll(name, turns.take(chunks(3)), read)));
  assert.deepEqual(read, ['a0', 'a1', 'a2', 'b0', 'b1', 'b2', 'c0', 'c1', 'c2']);
});

test('an answer that comes slowly holds no other one up', async () => {
  const turns = new Turns();
  const read: string[] = [];
  await Promise.all([readAll('a', turns.take(chunks(3, 20)), read), readAll('b', turns.take(chunks(5)), read)]);
  assert.deepEqual(read, ['b0', 'b1', 'b2', 'b3', 'b4', 'a0', 'a1', 'a2']);
});

test('whoever waits for its turn with something to read counts as alive', async () => {
  const turns = new Turns();
  const read: string[] = [];
  let alive = 0;
  const first = readAll('a', turns.take(chunks(5)), read);
  await Promise.all([
    first,
    readAll(
      'b',
      turns.take(chunks(1), () => alive++),
      read,
    ),
  ]);
  assert.deepEqual(read, ['a0', 'a1', 'a2', 'a3', 'a4', 'b0']);
  assert.ok(alive >= 4);
});

test('an answer that breaks, or that nobody reads on, leaves the others their turns', async () => {
  const turns = new Turns();
  const read: string[] = [];
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Uint8Array.of(0);
    throw new Error('cut');
  }
  const given = (async () => {
    for await (const _ of turns.take(chunks(9))) break;
  })();
  const outcomes = await Promise.allSettled([
    readAll('a', turns.take(broken()), read),
    given,
    readAll('b', turns.take(chunks(2)), read),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled'],
  );
  assert.deepEqual(read, ['a0', 'b0', 'b1']);
});
