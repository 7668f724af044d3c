// Names at Comet: the rules of the seed README, 100 characters, collisions, keys of experiments.

import assert from 'node:assert/strict';
import test from 'node:test';
import type { AttributeType } from '../../src/model/attributes.ts';
import {
  contentStem,
  experimentKey,
  generationOf,
  isOwnKey,
  keyStem,
  plainName,
  projectName,
  runNames,
} from '../../src/targets/comet/names.ts';
import { type RunSurvey, surveyBatch, surveyKey } from '../../src/targets/survey.ts';
import { floats, sampleRun, strings } from '../helpers/archive-runs.ts';

test('names have letters, digits and underscores, and begin with none of the digits', () => {
  const cases: [path: string, name: string][] = [
    ['train/loss', 'train_loss'],
    ['a-b.c d', 'a_b_c_d'],
    ['7/b', '_7_b'],
    ['_7', '_7'],
    ['größe', 'gr__e'],
    ['日本/😀', '____'],
    ['', '_attribute'],
    ['x'.repeat(120), 'x'.repeat(100)],
    [`1${'x'.repeat(120)}`, `_1${'x'.repeat(98)}`],
  ];
  for (const [path, name] of cases) {
    assert.equal(plainName(path), name);
    assert.match(name, /^[_a-zA-Z][_a-zA-Z0-9]*$/);
  }
});

function surveyOf(attributes: [type: AttributeType, path: string][]): RunSurvey {
  const survey: RunSurvey = new Map();
  for (const [type, path] of attributes) {
    if (type === 'float_series') surveyBatch(survey, floats(path, [['0', 1, 1]]), 1n);
    else if (type === 'string_series') surveyBatch(survey, strings(path, [['0', 1, 'x']]), 1n);
    else if (type === 'int') surveyBatch(survey, { kind: 'scalars', rows: [{ path, type, value: 1n }] }, 1n);
    else surveyBatch(survey, { kind: 'files', rows: [{ path, type: 'file', file: 'x' }] }, 1n);
  }
  return survey;
}

test('of attributes that would share a name each gets its own, whatever their order', () => {
  const long = 'l'.repeat(150);
  const attributes: [AttributeType, string][] = [
    ['float_series', 'a/b'],
    ['float_series', 'a_b'],
    ['float_series', 'a.b'],
    ['int', 'a/b'],
    ['float_series', `${long}/1`],
    ['float_series', `${long}/2`],
    ['string_series', 's'],
    ['file', 's'],
  ];
  const names = runNames(surveyOf(attributes));
  const metrics = attributes.filter(([type]) => type === 'float_series').map((one) => names.get(surveyKey(...one))!);
  assert.equal(new Set(metrics).size, metrics.length);
  assert.equal(metrics[1], 'a_b', 'a path that is its own name keeps it');
  assert.match(metrics[0]!, /^a_b_[0-9a-f]{8}$/);
  assert.equal(names.get(surveyKey('int', 'a/b')), 'a_b', 'parameters are no metrics');
  for (const name of names.values()) assert.ok(name.length <= 100, name);
  assert.notEqual(
    names.get(surveyKey('string_series', 's')),
    names.get(surveyKey('file', 's')),
    'two assets of one path',
  );
  assert.deepEqual(new Map([...runNames(surveyOf(attributes.toReversed()))].sort()), new Map([...names].sort()));
});

test('projects are named by prefix and id', () => {
  assert.equal(projectName('ws/my proj.1-x', undefined), 'ws_my_proj_1-x');
  assert.equal(projectName('ws/p', 'pre fix'), 'pre_fix_ws_p');
  const long = projectName(`ws/${'p'.repeat(200)}`, 'x');
  assert.equal(long.length, 100);
  assert.notEqual(long, projectName(`ws/${'p'.repeat(201)}`, 'x'));
});

test('keys tell runs, prefixes and contents apart, and are keys to Comet', () => {
  const { info } = sampleRun('ws/p', 'RUN-1', []);
  const stem = keyStem(info, undefined);
  const others = [
    keyStem(info, 'x'),
    keyStem({ ...info, runId: 'RUN-2' }, ''),
    keyStem({ ...info, projectId: 'q' }, ''),
  ];
  assert.equal(new Set([stem, ...others]).size, 4);
  assert.equal(stem, keyStem(info, ''));
  const key = experimentKey(contentStem(stem, 'mark'), 7);
  // 32 to 50 letters and digits: the SDK refuses others.
  assert.match(key, /^[A-Za-z0-9]{32,50}$/);
  assert.ok(key.startsWith(stem) && isOwnKey(key));
  assert.equal(generationOf(key), 7);
  assert.notEqual(key, experimentKey(contentStem(stem, 'other'), 7));
  assert.ok(!isOwnKey('0123456789abcdef0123456789abcdef'));
});
