// The options of `load`: which archive, which runs, names, steps, what is told where; and the environment of Comet.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { LoadReport } from '../../src/cli/load-report.ts';
import { startCometServer } from '../counterparts/comet/server.ts';
import { startWandbServer } from '../counterparts/wandb/server.ts';
import { floats, type SampleRun, sampleRun, writeArchive } from '../helpers/archive-runs.ts';
import { type CliResult, runCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';

const loss = (...steps: string[]) =>
  floats(
    'loss',
    steps.map((step, i) => [step, 1_700_000_000_000 + i, i]),
  );

/** A W&B server with one entity beside the key's own, an archive, and `load --loader wandb` between them. */
async function setUp(t: TestContext, runs: SampleRun[], data = 'exports/data') {
  const server = await startWandbServer({ entities: ['somebody', 'my-org'] });
  t.after(() => server.close());
  const cwd = await tempFolder(t);
  await writeArchive(join(cwd, data), runs);
  const env = { WANDB_BASE_URL: server.url, WANDB_API_KEY: server.apiKey, WANDB_ENTITY: 'my-org', HOME: cwd };
  const load = (...args: string[]) => runCli(['load', '--loader', 'wandb', ...args], { cwd, env });
  const names = () =>
    server
      .runs()
      .map(({ project, displayName }) => `${project} ${displayName}`)
      .sort();
  return { server, cwd, load, names };
}

async function succeeds(result: Promise<CliResult>): Promise<CliResult> {
  const done = await result;
  assert.equal(done.code, 0, done.stderr);
  return done;
}

test('without options: ./exports/data and ./exports/files, entity and key of the environment, steps times 1', async (t) => {
  const run = sampleRun('ws/p', 'r', [
    loss('0', '1', '7'),
    { kind: 'files', rows: [{ path: 'notes', type: 'file', file: 'r/notes' }] },
  ]);
  const { server, cwd, load } = await setUp(t, [run]);
  const lacking = await load();
  assert.equal(lacking.code, 3);
  assert.ok(lacking.stderr.includes(join(cwd, 'neptune_exporter_errors.jsonl')), lacking.stderr);
  const [line = ''] = (await readFile(join(cwd, 'neptune_exporter_errors.jsonl'), 'utf8')).split('\n');
  const { project_id, run_id, attribute_path, attribute_type } = JSON.parse(line) as Record<string, string>;
  assert.deepEqual([project_id, run_id, attribute_path, attribute_type], ['ws/p', 'r', 'notes', 'file']);
  assert.ok((await readdir(cwd)).some((name) => /^neptune_exporter_\d{8}_\d{6}\.log$/.test(name)));
  const [held] = server.runs();
  assert.deepEqual([held?.entity, held?.project], ['my-org', 'ws_p']);
  assert.deepEqual(
    held?.history().map(({ _step }) => Number(_step)),
    [0, 1, 7],
  );
});

test('-p, --project-ids and -r, --runs (many): exact ids', async (t) => {
  const runs = ['ws/a', 'ws/b', 'ws/c'].flatMap((project) =>
    ['R-1', 'R-10', 'x'].map((id) => sampleRun(project, id, [])),
  );
  const { load, names } = await setUp(t, runs);
  await succeeds(load('-p', 'ws/a', '-r', 'R-1'));
  assert.deepEqual(names(), ['ws_a R-1']);
  await succeeds(load('--project-ids', 'ws/a', '--project-ids', 'ws/b', '--runs', 'R-1', '--runs', 'x'));
  assert.deepEqual(names(), ['ws_a R-1', 'ws_a x', 'ws_b R-1', 'ws_b x']);
  assert.notEqual((await load('-r', 'R-.*')).code, 0, 'no regex');
  assert.equal(names().length, 4);
});

test('-d, --data-path, -f, --files-path, --name-prefix, --dry-run', async (t) => {
  const { load, names } = await setUp(t, [sampleRun('ws/p', 'r', [])], 'other/data');
  await succeeds(load('-d', 'other/data', '-f', 'other/files', '--dry-run'));
  assert.deepEqual(names(), [], 'nothing was sent');
  await succeeds(load('-d', 'other/data', '-f', 'other/files'));
  await succeeds(load('--data-path', 'other/data', '--files-path', 'other/files', '--name-prefix', 'team'));
  assert.deepEqual(names(), ['team_ws_p r', 'ws_p r']);
});

test('--step-multiplier: a whole number, or auto', async (t) => {
  for (const [multiplier, steps] of [
    ['1000', [0, 250, 1500]],
    ['auto', [0, 25, 150]],
  ] as const) {
    const { server, load } = await setUp(t, [sampleRun('ws/p', 'r', [loss('0', '0.25', '1.5')])]);
    await succeeds(load('--step-multiplier', multiplier));
    assert.deepEqual(
      server
        .runs()[0]
        ?.history()
        .map(({ _step }) => Number(_step)),
      steps,
      multiplier,
    );
  }
});

test('-v, --verbose, --log-file, --error-report-file, --no-progress, --concurrency, --json', async (t) => {
  const gone = { kind: 'files' as const, rows: [{ path: 'gone', type: 'file' as const, file: 'r/gone' }] };
  const { cwd, load } = await setUp(t, [sampleRun('ws/p', 'r', [gone])]);
  for (const verbose of ['-v', '--verbose']) {
    const paths = ['--log-file', `new/${verbose}/my.txt`, '--error-report-file', `new/${verbose}/errors/all.jsonl`];
    const { code, stdout, stderr } = await load(verbose, '--no-progress', '--concurrency', '1', '--json', ...paths);
    assert.equal(code, 3, stderr);
    const { errors, errorReport, logFile, partial } = JSON.parse(stdout) as LoadReport;
    assert.deepEqual([errors, partial], [1, 1]);
    assert.equal(errorReport, join(cwd, 'new', verbose, 'errors', 'all.jsonl'));
    assert.match(logFile ?? '', /my_\d{8}_\d{6}\.txt$/);
    assert.match(await readFile(logFile ?? '', 'utf8'), /DEBUG/);
    const error = JSON.parse(await readFile(errorReport ?? '', 'utf8')) as Record<string, unknown>;
    assert.deepEqual(
      [error.project_id, error.run_id, error.attribute_path, error.code],
      ['ws/p', 'r', 'gone', 'not_found'],
    );
    for (const name of ['attribute_type', 'exception', 'time', 'attempts']) assert.ok(Object.hasOwn(error, name), name);
  }
  assert.ok(!existsSync(join(cwd, 'neptune_exporter_errors.jsonl')));
});

test('COMET_WORKSPACE and COMET_API_KEY; the options go before them', async (t) => {
  const server = await startCometServer({ apiKey: 'key-of-tests', workspaces: ['default', 'of-env', 'of-option'] });
  t.after(() => server.close());
  const cwd = await tempFolder(t);
  await writeArchive(join(cwd, 'exports/data'), [sampleRun('ws/p', 'r', [])]);
  const load = (workspace: string, key: string, ...args: string[]) =>
    succeeds(
      runCli(['load', '--loader', 'comet', ...args], {
        cwd,
        env: {
          COMET_URL_OVERRIDE: `${server.url}/clientlib/`,
          COMET_WORKSPACE: workspace,
          COMET_API_KEY: key,
          HOME: cwd,
        },
      }),
    );
  await load('of-env', 'key-of-tests', '--name-prefix', 'one');
  await load(
    'nobody',
    'another',
    '--comet-workspace',
    'of-option',
    '--comet-api-key',
    'key-of-tests',
    '--name-prefix',
    'two',
  );
  assert.deepEqual(
    server.experiments().map(({ name, workspace, project }) => [name, workspace, project]),
    [
      ['r', 'of-env', 'one_ws_p'],
      ['r', 'of-option', 'two_ws_p'],
    ],
  );
});
