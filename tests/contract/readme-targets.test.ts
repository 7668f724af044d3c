// The README's load commands for W&B, Comet and ZenML, as the quickstart has them; what arrived is read by the targets' own clients.

import assert from 'node:assert/strict';
import test from 'node:test';
import { startCometServer } from '../counterparts/comet/server.ts';
import { readComet } from '../counterparts/comet-readback.ts';
import { startWandbServer } from '../counterparts/wandb/server.ts';
import { readWandb } from '../counterparts/wandb-readback.ts';
import { readZenml } from '../counterparts/zenml-readback.ts';
import { startZenmlServer, zenmlLogin } from '../counterparts/zenml-server.ts';
import * as commands from './commands.ts';
import { assertDone, type Shell, START, shell } from './shell.ts';

const RUNS = ['RUN-1', 'RUN-2', 'other'];

/** Exports as the quickstart does, loads, and loads again: the second time everything is skipped. */
async function quickstart({ type }: Shell, load: string): Promise<void> {
  assertDone(await type(commands.EXPORT));
  assertDone(await type(load));
  const again = await type(load);
  assertDone(again);
  assert.match(again.stderr, /Runs: 3, 0 loaded, 3 skipped/);
}

test('W&B: the entity of the command, the key of the environment between quotes', async (t) => {
  const server = await startWandbServer({ entities: ['somebody', 'my-org'] });
  t.after(() => server.close());
  await quickstart(await shell(t, { WANDB_BASE_URL: server.url, WANDB_API_KEY: server.apiKey }), commands.LOAD_WANDB);
  assert.deepEqual(new Set(server.runs().map(({ entity }) => entity)), new Set(['my-org']));
  const { runs } = await readWandb(server, 'my-org/my-org_my-project', { contents: 'notes' });
  assert.deepEqual(
    runs.map(({ name, group }) => [name, group]).sort(),
    RUNS.map((name) => [name, 'baseline']),
  );
  const run = runs.find(({ name }) => name === 'RUN-2')!;
  assert.equal(run.config.config_layers, 2);
  assert.deepEqual(
    run.rows.filter((row) => 'metrics_loss' in row).map((row) => [row._step, row._timestamp, row.metrics_loss]),
    [0, 1, 2].map((step) => [step, START / 1000 + step, 2 + step / 8]),
  );
  const files = run.artifacts.flatMap(({ entries }) => Object.entries(entries));
  const [, notes] = files.find(([path]) => path.startsWith('files/files/notes.txt/')) ?? [];
  assert.equal(Buffer.from(notes?.base64 ?? '', 'base64').toString(), 'notes of RUN-2');
});

test('Comet: the workspace and the key of the command', async (t) => {
  const server = await startCometServer({ apiKey: 'my-comet-api-key', workspaces: ['default', 'my-workspace'] });
  t.after(() => server.close());
  await quickstart(await shell(t, { COMET_URL_OVERRIDE: `${server.url}/clientlib/` }), commands.LOAD_COMET);
  const experiments = await readComet(server, 'my-workspace', { assets: 'bytes' });
  const names = experiments.map(({ name, workspace, project }) => [name, workspace, project]);
  assert.deepEqual(
    names.sort(),
    RUNS.map((name) => [name, 'my-workspace', 'my-org_my-project']),
  );
  const run = experiments.find(({ name }) => name === 'RUN-2')!;
  assert.equal(run.params.config_layers, '2');
  assert.equal(run.others['neptune.experiment_name'], 'baseline');
  const { steps, timestamps, values } = run.metrics.metrics_loss!;
  assert.deepEqual(
    steps.map((step, i) => [step, timestamps[i], Number(values[i])]),
    [0, 1, 2].map((step) => [String(step), String(START + step * 1000), 2 + step / 8]),
  );
  assert.equal(run.assets.find(({ name }) => name === 'files_notes_txt')?.bytes?.toString(), 'notes of RUN-2');
});

test('ZenML: the login of `zenml login`', async (t) => {
  const server = await startZenmlServer();
  t.after(() => server.close());
  const login = await zenmlLogin(server, server.apiKey);
  t.after(() => login.remove());
  await quickstart(await shell(t, { ZENML_CONFIG_PATH: login.folder }), commands.LOAD_ZENML);
  const { models } = await readZenml(login.folder, { prefix: 'neptune-export-' });
  assert.deepEqual(
    models.map(({ name, versions }) => [name, versions.map((version) => version.name).sort()]),
    [['neptune-export-my-org-my-project', RUNS]],
  );
  const run = models[0]!.versions.find(({ name }) => name === 'RUN-2')!;
  assert.deepEqual(run.metadata.config, {
    learning_rate: 0.002,
    layers: 2,
    '._': 'a name like the pattern of the example',
  });
  const { loss } = (run.metadata.series as { metrics: Record<string, unknown> }).metrics;
  assert.deepEqual(loss, { min: 2, max: 2.25, final: 2.25, count: 3 });
});
