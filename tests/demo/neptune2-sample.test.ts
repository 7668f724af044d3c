// The Neptune 2 sample project is what its users are promised, and the same every time.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import type { DemoAttribute2, DemoContainer, DemoContent } from '../../src/demo/neptune2/dataset.ts';
import { NEPTUNE2_SAMPLE_PROJECT, neptune2SampleProject } from '../../src/demo/neptune2/sample-project.ts';
import { sampleServer } from '../../src/demo/sample-server.ts';

type OfType<T> = Extract<DemoAttribute2, { type: T }>;

function ofType<T extends DemoAttribute2['type']>(container: DemoContainer, type: T): [string, OfType<T>][] {
  return [...container.attributes].filter((entry): entry is [string, OfType<T>] => entry[1].type === type);
}

function valueOf2(container: DemoContainer, name: string): unknown {
  const found = container.attributes.get(name);
  return found && 'value' in found ? found.value : undefined;
}

test('the sample project has runs and models like a real one', () => {
  const { projects } = neptune2SampleProject();
  assert.equal(projects.length, 2);
  const { path, runs, models = [], modelVersions = [] } = projects[0]!;
  assert.equal(path, NEPTUNE2_SAMPLE_PROJECT);
  assert.equal(runs.length, 10);
  assert.equal(new Set(runs.map((run) => valueOf2(run, 'sys/id'))).size, 10);
  assert.equal(runs.filter((run) => valueOf2(run, 'sys/trashed')).length, 1);
  assert.equal(runs.filter((run) => ofType(run, 'notebookRef').length > 0).length, 1);
  for (const run of runs) {
    assert.ok(ofType(run, 'floatSeries').length >= 9);
    for (const type of ['imageSeries', 'fileSet', 'artifact', 'gitRef', 'experimentState'] as const)
      assert.equal(ofType(run, type).length, 1, type);
    assert.equal(ofType(run, 'file').length, 4);
    assert.match(ofType(run, 'stringSeries')[0]![0], /^monitoring\/[0-9a-f]{8}\/stdout$/);
  }
  assert.deepEqual(
    models.map((model) => valueOf2(model, 'sys/id')),
    ['CHURN-LGBM', 'CHURN-MLP'],
  );
  assert.equal(modelVersions.length, 5);
  assert.equal(modelVersions.filter((one) => valueOf2(one, 'sys/trashed')).length, 1);
  assert.equal(new Set(modelVersions.map((one) => valueOf2(one, 'sys/stage'))).size, 4);
});

test('steps of the sample project rise, and so do times', () => {
  for (const { attributes } of neptune2SampleProject().projects.flatMap(({ runs }) => runs)) {
    for (const [name, found] of attributes) {
      if (!('series' in found)) continue;
      const { series } = found;
      for (let index = 1; index < series.length; index++) {
        assert.ok(series.step(index) > series.step(index - 1), name);
        assert.ok(series.timestamp(index) > series.timestamp(index - 1), name);
        assert.ok(Number.isInteger(series.timestamp(index)), name);
      }
    }
  }
});

test('the sample project is the same every time', () => {
  const digest = () => {
    const hash = createHash('sha256');
    const addContent = ({ read, sizeBytes }: DemoContent) => hash.update(read!(0, sizeBytes));
    for (const { runs, models = [], modelVersions = [] } of neptune2SampleProject().projects) {
      for (const [name, found] of [...runs, ...models, ...modelVersions].flatMap((one) => [...one.attributes])) {
        hash.update(`${name}:${found.type}:`);
        if ('value' in found) hash.update(String(found.value));
        if (found.type === 'file') addContent(found.file);
        if (found.type === 'fileSet') for (const member of found.fileSet.members.values()) addContent(member);
        if (found.type === 'artifact') hash.update(JSON.stringify(found.artifact));
        if (!('series' in found)) continue;
        for (let index = 0; index < found.series.length; index += 3) {
          const value = found.series.value(index);
          hash.update(`${found.series.step(index)} ${found.series.timestamp(index)}`);
          if (typeof value === 'object') addContent(value);
          else hash.update(String(value));
        }
      }
    }
    return hash.digest('hex');
  };
  assert.equal(digest(), digest());
});

test('sample servers of both versions tell their address, token and project', async () => {
  for (const [version, project] of [
    ['neptune2', NEPTUNE2_SAMPLE_PROJECT],
    ['neptune3', 'demo/image-classification'],
  ] as const) {
    const server = await sampleServer(version, 0);
    try {
      assert.equal(server.project, project);
      const config = await fetch(`${server.url}/api/backend/v1/clients/config`, {
        headers: { 'x-neptune-api-token': server.token },
      });
      const { pyLibVersions } = (await config.json()) as { pyLibVersions: { maxCompatibleVersion: string | null } };
      assert.equal(pyLibVersions.maxCompatibleVersion, version === 'neptune3' ? '1.0.0' : null);
    } finally {
      await server.close();
    }
  }
});
