// The sample project is what its users are promised, and the same every time.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'node:test';
import type { DemoAttribute, DemoRun, DemoType, FloatSeries } from '../../src/demo/dataset.ts';
import { SAMPLE_PROJECT, sampleProject } from '../../src/demo/sample-project.ts';

function textOf(run: DemoRun, name: string): string | undefined {
  const found = run.attributes.get(name);
  return found?.type === 'string' ? found.value : undefined;
}

function ofType<T extends DemoType>(run: DemoRun, type: T): [string, Extract<DemoAttribute, { type: T }>][] {
  return [...run.attributes].filter(
    (entry): entry is [string, Extract<DemoAttribute, { type: T }>] => entry[1].type === type,
  );
}

test('the sample project has runs, forks and metrics like a real one', () => {
  const { projects } = sampleProject();
  assert.equal(projects.length, 2);
  const project = projects[0]!;
  assert.equal(project.path, SAMPLE_PROJECT);
  const { runs } = project;
  assert.equal(runs.length, 12);
  assert.equal(new Set(runs.map((run) => textOf(run, 'sys/custom_run_id'))).size, 12);
  assert.equal(runs.filter((run) => textOf(run, 'sys/forking/parent') !== undefined).length, 3);
  assert.equal(runs.filter(({ attributes }) => (attributes.get('sys/archived') as { value: boolean }).value).length, 1);
  assert.equal(runs.filter((run) => textOf(run, 'sys/name') === undefined).length, 1);
  for (const run of runs) {
    const metrics = ofType(run, 'floatSeries');
    assert.equal(metrics.length, 40);
    assert.ok(Math.max(...metrics.map(([, { series }]) => series.length)) <= 5000);
    assert.equal(ofType(run, 'histogramSeries').length, 4);
    assert.equal(ofType(run, 'stringSeries').length, 2);
    assert.equal(ofType(run, 'fileRefSeries').length, 1);
    assert.equal(ofType(run, 'fileRef').length, 5);
  }
});

test('forks of the sample project begin after their fork step, and steps and times rise', () => {
  for (const run of sampleProject().projects[0]!.runs) {
    const forkStep = run.attributes.get('sys/forking/step');
    for (const [name, found] of run.attributes) {
      if (!('series' in found)) continue;
      const { series } = found;
      if (forkStep?.type === 'float' && series.length > 0) assert.ok(series.step(0) > forkStep.value, name);
      for (let index = 1; index < series.length; index++) {
        assert.ok(series.step(index) > series.step(index - 1), name);
        assert.ok(series.timestamp(index) > series.timestamp(index - 1), name);
      }
    }
  }
});

test('losses of the sample project fall, but for the run that diverges', () => {
  for (const run of sampleProject().projects[0]!.runs) {
    const loss = (run.attributes.get('train/loss') as { series: FloatSeries }).series;
    const last = loss.value(loss.length - 1);
    if (textOf(run, 'sys/custom_run_id') === 'resnet50-lr-0.8') assert.ok(Number.isNaN(last));
    else assert.ok(last < loss.value(0) && last > 0);
  }
});

test('the sample project is the same every time', () => {
  const digest = () => {
    const hash = createHash('sha256');
    for (const { runs } of sampleProject().projects) {
      for (const [name, found] of runs.flatMap((run) => [...run.attributes])) {
        hash.update(`${name}:${found.type}:`);
        if ('value' in found) hash.update(String(found.value));
        if ('file' in found) hash.update(found.file.read!(0, found.file.sizeBytes));
        if (!('series' in found)) continue;
        const { series } = found;
        for (let index = 0; index < series.length; index += 7) {
          hash.update(`${series.step(index)} ${series.timestamp(index)} ${JSON.stringify(series.value(index))}`);
        }
      }
    }
    return hash.digest('hex');
  };
  assert.equal(digest(), digest());
});

test('images of the sample project are PNGs', () => {
  const [images] = ofType(sampleProject().projects[0]!.runs[0]!, 'fileRefSeries');
  const file = images![1].series.value(2);
  const bytes = Buffer.from(file.read!(0, file.sizeBytes));
  assert.equal(bytes.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n');
  assert.equal(bytes.subarray(-8, -4).toString('latin1'), 'IEND');
});

test('the command line prints where the server is, and ends when interrupted', async () => {
  const script = join(import.meta.dirname, '..', '..', 'src', 'demo', 'serve.ts');
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { url, token, project } = JSON.parse(line.toString());
  assert.equal(project, SAMPLE_PROJECT);
  const answer = await fetch(`${url}/api/backend/v1/authorization/oauth-token`, {
    headers: { 'x-neptune-api-token': token },
  });
  assert.equal(answer.status, 200);
  await answer.body?.cancel();
  child.kill('SIGINT');
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
});
