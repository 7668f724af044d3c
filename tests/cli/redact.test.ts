// No secret passes the redactor, and what is no secret does.

import assert from 'node:assert/strict';
import test from 'node:test';
import { createRedactor } from '../../src/cli/redact.ts';

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';

test('secrets of the environment and of options are masked wherever they stand', () => {
  const { redact, addSecret } = createRedactor({
    NEPTUNE_API_TOKEN: 'token-of-env',
    MLFLOW_TRACKING_PASSWORD: 'pass.word$',
  });
  addSecret('given-as-option');
  addSecret('abc');
  addSecret(undefined);
  assert.equal(redact('x token-of-env y pass.word$ z given-as-option'), 'x *** y *** z ***');
  assert.equal(redact('abc stays: too short to be a secret'), 'abc stays: too short to be a secret');
});

test('what looks like a secret is masked without being known', () => {
  const { redact } = createRedactor();
  assert.equal(redact(`authorization: Bearer ${JWT}`), 'authorization: Bearer ***');
  assert.equal(redact(`token ${JWT} refused`), 'token *** refused');
  assert.equal(redact('Basic dXNlcjpwYXNz'), 'Basic ***');
  assert.equal(redact('http://user:secret@host:5000/x?a=1'), 'http://***@host:5000/x?a=1');
  assert.equal(redact('X-Neptune-Api-Token: 0123456789'), 'X-Neptune-Api-Token: ***');
  assert.equal(redact('{"api_key":"0123456789"}'), '{"api_key":"***"}');
});

test('signed addresses lose their query', () => {
  const { redact } = createRedactor();
  for (const query of [
    'se=2025&sp=r&sig=abc%3D',
    'X-Amz-Date=1&X-Amz-Signature=0a',
    'GoogleAccessId=x&Signature=y%2B',
  ]) {
    assert.equal(
      redact(`GET https://store.example/a/b.bin?${query} failed`),
      'GET https://store.example/a/b.bin?*** failed',
    );
  }
});

test('plain text stays as it is', () => {
  const { redact } = createRedactor();
  for (const text of [
    'runs: 12',
    'http://localhost:5000/api?limit=1',
    'metrics/token_count = 5',
    'mail a@b.example',
    'basic tests',
  ]) {
    assert.equal(redact(text), text);
  }
});
