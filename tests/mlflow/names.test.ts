// Keys, artifact names, experiment and run names: MLflow's rules hold for any path, and no two paths share a name.

import assert from 'node:assert/strict';
import { posix } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import type { AttributeType } from '../../src/model/attributes.ts';
import type { RunInfo } from '../../src/model/runs.ts';
import { AlterationList } from '../../src/targets/alterations.ts';
import {
  artifactFileName,
  experimentName,
  MAX_NAME,
  plainKey,
  plainName,
  runKey,
  runKeys,
  runName,
} from '../../src/targets/mlflow/names.ts';
import { foresee } from '../../src/targets/mlflow/plan.ts';
import { type RunSurvey, surveyBatch } from '../../src/targets/survey.ts';
import { assignKeys } from '../../src/targets/unique-keys.ts';

/** The check of MLflow's server (mlflow/utils/validation.py, 3.17.2). */
function mlflowTakes(key: string): boolean {
  const normal = posix.normalize(key);
  return (
    /^[/\p{L}\p{N}_.\- :]+$/u.test(key) &&
    key.length <= 250 &&
    normal === key &&
    key !== '.' &&
    !/^(\.\.|\/)/.test(key) &&
    !key.endsWith('/')
  );
}

const path = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', ':', '_', ' ', 'é', '😀', '\n', '\\'), maxLength: 300 }),
);

test('the contract of the key rule', () => {
  const expected: Record<string, string> = {
    'metrics/accuracy': 'metrics/accuracy',
    'a:b': 'a_b',
    'größe [m²]': 'gr__e _m__',
    'tab\tline\n': 'tab_line_',
    '😀': '_',
    ['x'.repeat(251)]: 'x'.repeat(250),
    'a//b': 'a/_/b',
    '/a': '_/a',
    'a/': 'a/_',
    'a/../b': 'a/__/b',
    './a': '_/a',
    '...': '__.',
    '': '_',
  };
  for (const [given, wanted] of Object.entries(expected)) assert.equal(plainKey(given), wanted, JSON.stringify(given));
});

test('any path becomes a key that MLflow takes', () => {
  fc.assert(
    fc.property(path, (given) => assert.ok(mlflowTakes(plainKey(given)), plainKey(given))),
    { numRuns: 2000 },
  );
});

test('paths never share a key, whatever their order', () => {
  const rules = fc.record({ nested: fc.boolean(), caseBlind: fc.boolean(), longest: fc.constant(MAX_NAME) });
  fc.assert(
    fc.property(fc.uniqueArray(path, { maxLength: 30 }), rules, (paths, rule) => {
      const keys = assignKeys(paths, plainKey, rule);
      assert.deepEqual(new Map([...assignKeys(paths.toReversed(), plainKey, rule)].sort()), new Map([...keys].sort()));
      const seen = [...keys.values()].map((key) => (rule.caseBlind ? key.toLowerCase() : key));
      assert.equal(new Set(seen).size, paths.length);
      for (const key of keys.values()) assert.ok(mlflowTakes(key), key);
      if (rule.nested) {
        for (const key of seen) assert.ok(!seen.some((other) => other.startsWith(`${key}/`)), key);
      }
    }),
    { numRuns: 500 },
  );
});

test('a path that is its own key keeps it, the others get a hash', () => {
  const keys = assignKeys(['a:b', 'a_b', 'a;b', 'free'], plainKey, {
    nested: false,
    caseBlind: false,
    longest: MAX_NAME,
  });
  assert.equal(keys.get('a_b'), 'a_b');
  assert.equal(keys.get('free'), 'free');
  assert.match(keys.get('a:b') ?? '', /^a_b_[0-9a-f]{8}$/);
  assert.match(keys.get('a;b') ?? '', /^a_b_[0-9a-f]{8}$/);
});

function surveyOf(attributes: [path: string, type: AttributeType][]): RunSurvey {
  const survey: RunSurvey = new Map();
  for (const [attribute, type] of attributes) {
    if (type === 'file') surveyBatch(survey, { kind: 'files', rows: [{ path: attribute, type, file: 'x' }] }, 1n);
    else surveyBatch(survey, { kind: 'scalars', rows: [{ path: attribute, type: 'string', value: '' }] }, 1n);
  }
  return survey;
}

test('artifact folders differ also where a disk is blind to case, and leave ours alone', () => {
  const paths = ['Notes', 'notes', 'neptune_exporter/x', 'NEPTUNE_exporter/y'];
  const { byAttribute } = runKeys(surveyOf(paths.map((one) => [one, 'file'])), false);
  const folders = [...byAttribute.values()];
  assert.equal(new Set(folders.map((folder) => folder.toLowerCase())).size, 4);
  for (const folder of folders) assert.notEqual(folder.split('/')[0]?.toLowerCase(), 'neptune_exporter');
});

test('the file store gets no key that is a folder of another one', () => {
  const survey = surveyOf([
    ['a', 'string'],
    ['a/b', 'string'],
  ]);
  assert.equal(runKeys(survey, false).byAttribute.get('string a'), 'a');
  assert.match(runKeys(survey, true).byAttribute.get('string a') ?? '', /^a_[0-9a-f]{8}$/);
});

test('file names are safe, and neither hidden nor in the way of a folder', () => {
  const { artifactFolders } = runKeys(
    surveyOf([
      ['f', 'file'],
      ['f/x', 'file'],
    ]),
    false,
  );
  const name = (given: string, folder: string, taken?: Set<string>) =>
    artifactFileName(given, folder, artifactFolders, taken);
  assert.equal(name('plan.txt', 'f'), 'plan.txt');
  assert.equal(name('notes.txt', 'a/notes.txt'), 'file_notes.txt');
  assert.equal(name('x', 'f'), 'file_x');
  assert.equal(name('50%25.txt', 'a'), '50_25.txt');
  assert.equal(name('a#b?c\\d:e', 'a'), 'a_b_c_d_e');
  assert.equal(name('größe.png', 'a'), 'größe.png');
  assert.equal(name('..', 'a'), 'file___');
  const long = name(`${'ä'.repeat(200)}.parquet`, 'a');
  assert.ok(Buffer.byteLength(long) <= 200 && long.endsWith('.parquet') && long.isWellFormed(), long);
  const taken = new Set<string>();
  assert.deepEqual([name('a:b', 'q', taken), name('a;b', 'q', taken)], ['a_b', 'file_a_b']);
});

test('any file name is one that the artifact routes keep', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (given) => {
      const safe = artifactFileName(given, 'folder/name', new Set());
      assert.match(safe, /^[\p{L}\p{N} ._\-+()=,@]+$/u);
      assert.ok(Buffer.byteLength(safe) <= 205 && !/^\.\.?$/.test(safe));
    }),
    { numRuns: 1000 },
  );
});

test('what a name goes through is foreseen', () => {
  const survey = surveyOf([
    ['a:b', 'string'],
    ['a_b', 'string'],
    ['c:d', 'string'],
  ]);
  const list = new AlterationList();
  foresee(list, runKeys(survey, false), { survey, fileStore: false, stepMultiplier: 1n });
  assert.deepEqual(
    list.all.map(({ code, attributePath }) => [code, attributePath]),
    [
      ['key_collision', 'a:b'],
      ['renamed', 'c:d'],
    ],
  );
  assert.equal(plainName('string', 'c:d'), 'c_d');
});

const run = (more: Partial<RunInfo> = {}): RunInfo => ({
  projectId: 'ws/proj',
  runId: 'RUN-1',
  experimentName: 'exp',
  sys: new Map(),
  ...more,
});

test('experiments and runs are named as the contract says', () => {
  assert.equal(experimentName(run(), undefined, false), 'ws/proj/exp');
  assert.equal(experimentName(run(), 'team', false), 'team/ws/proj/exp');
  const { experimentName: _, ...unnamed } = run();
  assert.equal(experimentName(unnamed, 'team', false), 'team/ws/proj');
  assert.equal(experimentName(run({ experimentName: "it's" }), undefined, true), 'ws/proj/it_s');
  assert.equal(runName(run()), 'RUN-1');
  assert.equal(runName(run({ customRunId: 'mine' })), 'mine');
});

test('long names are cut and stay apart', () => {
  const [one, two] = ['1', '2'].map((end) =>
    experimentName(run({ experimentName: 'ä'.repeat(300) + end }), undefined, false),
  );
  assert.notEqual(one, two);
  assert.equal([...(one ?? '')].length, 250);
  assert.equal([...runName(run({ customRunId: '😀'.repeat(300) }))].length, 250);
});

test('a run is told by project, id and prefix', () => {
  const keys = [runKey(run(), undefined), runKey(run(), 'a'), runKey(run({ runId: 'RUN-2' }), undefined)];
  assert.equal(new Set(keys).size, 3);
  assert.equal(runKey(run({ experimentName: 'renamed' }), undefined), keys[0]);
});
