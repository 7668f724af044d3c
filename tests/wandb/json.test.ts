// JSON that servers answer, beside what was sent.

import assert from 'node:assert/strict';
import test from 'node:test';
import { difference, parseExact } from '../../src/targets/wandb/json.ts';

const isSame = (sent: string, answered: string) => difference(parseExact(sent), parseExact(answered)) === undefined;

test('large doubles are the same with all their digits, whole numbers only to the last one', () => {
  assert.ok(isSame('1e+16', '10000000000000000'));
  assert.ok(isSame('9.007199254740992e+15', '9007199254740992'));
  assert.ok(isSame('1.2345678901234568e+20', '123456789012345680000'));
  assert.ok(isSame('9007199254740993', '9007199254740993'));
  assert.ok(!isSame('9007199254740993', '9007199254740992'));
  assert.ok(!isSame('9007199254740993', '9.007199254740992e+15'));
  assert.ok(!isSame('1e+16', '10000000000000002'));
});
