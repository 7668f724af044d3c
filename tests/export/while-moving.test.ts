// Pieces of work that stand still give their places to others.

import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { whileMoving } from '../../src/transfer/while-moving.ts';

test('a task that stands still does not hold up the next ones; one that moves does', async () => {
  const begun: number[] = [];
  const stuck = Promise.withResolvers<void>();
  let pulse: NodeJS.Timeout | undefined;
  const work = whileMoving([0, 1, 2, 3], { moving: 1, most: 3, idleMs: 40 }, async (item, moved) => {
    begun.push(item);
    if (item === 1) {
      pulse = setInterval(moved, 5);
      await sleep(300);
      assert.deepEqual(begun, [0, 1], 'the second one moves all the time');
      clearInterval(pulse);
    } else if (item === 0) await stuck.promise;
    if (item === 3) stuck.resolve();
  });
  await work;
  assert.deepEqual(begun, [0, 1, 2, 3]);
});

test('never more than the most, and the first failure ends it', async () => {
  let running = 0;
  let most = 0;
  const ended: number[] = [];
  await assert.rejects(
    whileMoving([...Array(10).keys()], { moving: 2, most: 3, idleMs: 1 }, async (item) => {
      most = Math.max(most, ++running);
      await sleep(30);
      running--;
      ended.push(item);
      if (item === 4) throw new Error('broken');
    }),
    /broken/,
  );
  assert.equal(most, 3);
  assert.ok(ended.length < 10 && ended.includes(4));
});
