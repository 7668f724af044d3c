// Names at ZenML: models, versions, keys of metadata, artifacts. Exact forms, and nothing that hides another.

import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import test from 'node:test';
import { HttpClient } from '../../src/http/client.ts';
import type { AttributeType } from '../../src/model/attributes.ts';
import type { RunInfo } from '../../src/model/runs.ts';
import { Session, ZenmlClient } from '../../src/targets/zenml/client.ts';
import {
  artifactFolder,
  artifactVersion,
  modelName,
  plainArtifact,
  plainKey,
  runNames,
  tagName,
  versionName,
} from '../../src/targets/zenml/names.ts';
import { floats, scalars, strings } from '../helpers/archive-runs.ts';
import { serve } from '../helpers/server.ts';
import { surveyOf } from '../mlflow/sample.ts';

const run = (runId: string, customRunId?: string): RunInfo => ({
  projectId: 'org/proj',
  runId,
  ...(customRunId === undefined ? {} : { customRunId }),
  sys: new Map(),
});

test('a model is named neptune-export-<org>-<project>, with the prefix in front', () => {
  assert.equal(modelName('org/my-project', undefined), 'neptune-export-org-my-project');
  assert.equal(modelName('org/my-project', ''), 'neptune-export-org-my-project');
  assert.equal(modelName('org/my-project', 'team'), 'team-neptune-export-org-my-project');
  assert.equal(modelName('org/a.b', undefined), 'neptune-export-org-a_b');
  assert.equal(modelName('org/a\nb c', 'p\t'), 'p_-neptune-export-org-a_b c');
  const long = modelName(`org/${'x'.repeat(300)}`, undefined);
  assert.equal(long.length, 250);
  assert.notEqual(long, modelName(`org/${'x'.repeat(301)}`, undefined));
});

test('a version is named as the run; what ZenML refuses as a name gets a prefix', () => {
  assert.equal(versionName(run('RUN-1')), 'RUN-1');
  assert.equal(versionName(run('RUN-1', 'my run/4 "ü"')), 'my run/4 "ü"');
  for (const refused of [
    '1',
    '007',
    '٣',
    '三',
    '二零零六',
    '½',
    'latest',
    'Production',
    'none',
    'STAGING',
    'archived',
  ]) {
    assert.equal(versionName(run(refused)), `neptune-${refused}`);
  }
  assert.equal(versionName(run('1a')), '1a');
  assert.equal(versionName(run('latest-2')), 'latest-2');
  assert.equal(versionName(run('x'.repeat(400))).length, 250);
  assert.equal(versionName(run('a\0b')), 'a\ufffdb');
  assert.equal(versionName(run('a\nb\tc\r\v\f')), 'a_b_c___');
  assert.equal(versionName(run('三月')), '三月');
});

test('a model that the database takes for the same is the one, unless that very name is there', async (t) => {
  let names = ['team-NEPTUNE', 'other'];
  const base = await serve(t, (_: IncomingMessage, response: ServerResponse) =>
    response.end(JSON.stringify({ total_pages: 1, items: names.map((name) => ({ id: `id of ${name}`, name })) })),
  );
  const http = new HttpClient({ userAgent: 'test', concurrency: 1 });
  t.after(() => http.close());
  const client = new ZenmlClient({ http, base, session: new Session(http, base, {}) });
  const idOf = async () => (await client.modelByName('p', 'team-neptune'))?.id;
  assert.equal(await idOf(), 'id of team-NEPTUNE');
  names = [...names, 'team-neptune'];
  assert.equal(await idOf(), 'id of team-neptune');
  names = ['other'];
  assert.equal(await idOf(), undefined);
});

test('keys have letters, digits, blanks and _-./, 250 at most; own cards are left free', () => {
  assert.equal(plainKey('config/lr rate-1.5'), 'config/lr rate-1.5');
  assert.equal(plainKey('größe:x'), 'gr__e_x');
  assert.equal(plainKey('😀'), '_');
  assert.equal(plainKey('/a//b/'), '_/a/_/b/_');
  assert.equal(plainKey('neptune_import/tool'), '_neptune_import/tool');
  assert.equal(plainKey('neptune_exporter_loaded'), '_neptune_exporter_loaded');
  assert.equal(plainKey('x'.repeat(300)).length, 250);
});

function metadataKeys(...attributes: [path: string, type: AttributeType][]): string[] {
  const batches = attributes.map(([path, type]) =>
    type === 'float_series' ? floats(path, [['0', 1, 1]]) : scalars([{ path, type: 'int', value: 1n }]),
  );
  const { metadata } = runNames(surveyOf(batches, 1n));
  return attributes.map(([path, type]) => metadata.get(`${type} ${path}`)!);
}

test('values and summaries share the metadata, and none hides another', () => {
  assert.deepEqual(metadataKeys(['a', 'int'], ['a/b', 'int']), ['a/_value', 'a/b']);
  assert.deepEqual(metadataKeys(['loss', 'float_series'], ['loss', 'int']), ['series/loss', 'loss']);
  assert.deepEqual(metadataKeys(['__proto__', 'int'], ['constructor', 'int']), ['__proto__', 'constructor']);
  const [plain, hashed] = metadataKeys(['a_b', 'int'], ['a:b', 'int']);
  assert.equal(plain, 'a_b');
  assert.match(hashed!, /^a_b_[0-9a-f]{8}$/);
  const odd: [string, AttributeType][] = [
    ['series/loss', 'int'],
    ['series/loss/min', 'int'],
    ['series/loss/min/x', 'int'],
    ['loss', 'float_series'],
    ['loss/min', 'float_series'],
    ['a', 'int'],
    ['a/_value', 'int'],
    ['a/_value/b', 'int'],
    ['A', 'int'],
  ];
  const keys = metadataKeys(...odd);
  const leaves = keys.flatMap((key, i) =>
    odd[i]![1] === 'float_series' ? ['min', 'max', 'final', 'count'].map((part) => `${key}/${part}`) : [key],
  );
  assert.equal(new Set(leaves).size, leaves.length, String(leaves));
  for (const leaf of leaves)
    assert.ok(!leaves.some((other) => other.startsWith(`${leaf}/`)), `${leaf} is no folder of another one`);
  const shuffled = odd.toReversed();
  assert.deepEqual(metadataKeys(...shuffled).reverse(), keys, 'whatever the order');
});

test('artifacts are named as the official loader names them; alike ones end with a hash', () => {
  assert.equal(plainArtifact('files/model.bin'), 'neptune-files-model_bin');
  const survey = surveyOf(
    ['x/y', 'x-y', 'X-Y', 'z'].map((path) => strings(path, [['0', 1, 'v']])),
    1n,
  );
  const { artifacts } = runNames(survey);
  const names = ['x-y', 'x/y', 'X-Y', 'z'].map((path) => artifacts.get(`string_series ${path}`)!);
  assert.equal(names[3], 'neptune-z');
  assert.equal(new Set(names.map((name) => name.toLowerCase())).size, 4);
});

test('versions and folders of artifacts are made from their content', () => {
  const version = artifactVersion('RUN-1', 'step_0.5/a.png', ['key', 'sha']);
  assert.match(version, /^RUN-1 step_0\.5\/a\.png-[0-9a-f]{16}$/);
  assert.equal(artifactVersion('RUN-1', 'step_0.5/a.png', ['key', 'sha']), version);
  assert.notEqual(artifactVersion('RUN-1', 'step_0.5/a.png', ['key', 'other']), version);
  assert.ok(artifactVersion('r'.repeat(250), 'x'.repeat(250), []).length <= 255);
  assert.match(
    artifactFolder('neptune-a b', version),
    /^custom_artifacts\/neptune-a_b\/[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
  );
});

test('tags fit, and are no ids', () => {
  assert.equal(tagName('a, b'), 'a, b');
  assert.equal(tagName(''), undefined);
  assert.equal(tagName('x'.repeat(300))?.length, 255);
  for (const id of [
    '6d5d1308-c4b2-45e1-bfe2-0838eed8e6ac',
    '6D5D1308C4B245E1BFE20838EED8E6AC',
    '{6d5d1308-c4b2-45e1-bfe2-0838eed8e6ac}',
    'urn:uuid:6d5d1308-c4b2-45e1-bfe2-0838eed8e6ac',
    '6d-5d1308c4b245e1bfe20838eed8e6a-c',
  ]) {
    assert.equal(tagName(id), `neptune:${id}`);
  }
  assert.equal(tagName('6d5d1308c4b245e1bfe20838eed8e6acff'), '6d5d1308c4b245e1bfe20838eed8e6acff');
  assert.equal(tagName('two\nlines\tand'), 'two_lines_and');
});
