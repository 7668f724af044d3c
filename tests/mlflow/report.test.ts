// What a load says at its end.

import assert from 'node:assert/strict';
import test from 'node:test';
import { loadLines } from '../../src/cli/load-report.ts';

test('nobody is told that nothing was lost where something may be', () => {
  const report = {
    runs: 2,
    loaded: 1,
    completed: 0,
    skipped: 0,
    updated: 0,
    rescaled: 0,
    stepMultiplier: '1',
    foreign: 0,
    failed: 1,
    partial: 1,
    alterations: 3,
    alterationsByCode: { file_absent: 1, points_merged: 2 },
    target: 'http://127.0.0.1',
    seconds: 1,
    errors: 1,
    errorReport: '/errors.jsonl',
    logFile: null,
  };
  const text = loadLines(report, 'mlflow').join('\n');
  assert.doesNotMatch(text, /nothing .*lost/);
  assert.match(text, /1 not loaded whole \(1 of them in part\)/);
  assert.match(text, /docs\/mapping-mlflow\.md says where the original is kept/);
  assert.match(text, /Altered, merged or left out on the way: file_absent 1, points_merged 2/);
  assert.match(text, /docs\/mapping-mlflow\.md/);
  assert.match(loadLines(report, 'wandb').join('\n'), /docs\/mapping-wandb\.md/);
  assert.match(text, /what the archive itself lacks has to be exported first/);
});
