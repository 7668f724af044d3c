// --help and --version: complete, on standard output, quick because nothing heavy is loaded.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { Option } from 'commander';
import { EXPORTERS } from '../../src/cli/neptune.ts';
import { SOURCE_NAMES } from '../../src/sources/registry.ts';
import { TARGETS } from '../../src/targets/registry.ts';
import { ROOT, runCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';

/** What `export` and `export-models` share. */
const EXPORT_OPTIONS = [
  '-p, --project-ids',
  '--workspace',
  '--project-pattern',
  '--project-exclude-pattern',
  '--exporter',
  '--created-after',
  '--created-before',
  '--modified-after',
  '--modified-before',
  '-a, --attributes',
  '--exclude-attributes',
  '-c, --classes',
  '--exclude',
  '--max-file-size',
  '--refresh',
  '--accept-partial',
  '--api-token',
  '-d, --data-path',
  '-f, --files-path',
  '--concurrency',
  '--retry-seconds',
  '--error-report-file',
  '-v, --verbose',
  '--log-file',
  '--no-progress',
  '--json',
];

/** Options by command: contract, short forms included. */
const OPTIONS: Record<string, string[]> = {
  export: [
    ...EXPORT_OPTIONS,
    '-r, --runs',
    '--runs-file',
    '-q, --runs-query',
    '--include-archived-runs',
    '--include-metric-previews',
  ],
  'export-models': [...EXPORT_OPTIONS, '-q, --models-query', '--include-archived-models'],
  summary: [
    '-d, --data-path',
    '-f, --files-path',
    '--model-data-path',
    '--model-files-path',
    '-p, --project-ids',
    '-r, --runs',
    '-v, --verbose',
    '--log-file',
    '--json',
  ],
  verify: [
    '-d, --data-path',
    '-f, --files-path',
    '--model-data-path',
    '--model-files-path',
    '-p, --project-ids',
    '-r, --runs',
    '--adopt',
    '--source',
    '--exporter',
    '--api-token',
    '--loader',
    '--name-prefix',
    '--mlflow-tracking-uri',
    '--wandb-entity',
    '--wandb-api-key',
    '--wandb-project-name',
    '--wandb-keep-slashes',
    '--comet-workspace',
    '--comet-api-key',
    '--concurrency',
    '--error-report-file',
    '-v, --verbose',
    '--log-file',
    '--no-progress',
    '--json',
  ],
  load: [
    '--loader',
    '-p, --project-ids',
    '-r, --runs',
    '-d, --data-path',
    '-f, --files-path',
    '--step-multiplier',
    '--on-step-collision',
    '--dry-run',
    '--name-prefix',
    '--mlflow-tracking-uri',
    '--wandb-entity',
    '--wandb-api-key',
    '--wandb-project-name',
    '--wandb-keep-slashes',
    '--comet-workspace',
    '--comet-api-key',
    '--concurrency',
    '--error-report-file',
    '-v, --verbose',
    '--log-file',
    '--no-progress',
    '--json',
  ],
  demo: ['--exporter', '--serve', '--port', '-v, --verbose', '--no-progress', '--json'],
};

test('--version prints the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  for (const flag of ['--version', '-V']) {
    assert.deepEqual(await runCli([flag], { cwd: ROOT }), { code: 0, stdout: `${version}\n`, stderr: '' });
  }
});

test('--help names the commands', async () => {
  for (const args of [['--help'], ['-h'], ['help']]) {
    const { code, stdout, stderr } = await runCli(args, { cwd: ROOT });
    assert.deepEqual([code, stderr], [0, '']);
    for (const command of Object.keys(OPTIONS)) assert.match(stdout, new RegExp(`^ {2}${command} `, 'm'));
  }
});

for (const [command, options] of Object.entries(OPTIONS)) {
  test(`${command} --help has every option, and examples`, async () => {
    const { code, stdout, stderr } = await runCli([command, '--help'], { cwd: ROOT });
    assert.deepEqual([code, stderr], [0, '']);
    const shown = [...stdout.matchAll(/^ {2}(-[^<\n]*?)(?: <[^>]+>)?(?: {2,}.*)?$/gm)].map(([, flags]) => flags);
    assert.deepEqual(
      shown,
      [...options, '-h, --help'].sort((a, b) => shown.indexOf(a) - shown.indexOf(b)),
    );
    assert.match(stdout, new RegExp(`\nExamples:\n  # .*\n  .*neptune-exporter ${command}`));
    const help = await runCli(['help', command], { cwd: ROOT });
    assert.equal(help.stdout, stdout);
  });
}

test('--exporter knows every source, and the settings of targets are named like their flags', () => {
  assert.deepEqual([...EXPORTERS], [...SOURCE_NAMES]);
  for (const { options } of TARGETS) {
    for (const [name, { flags }] of Object.entries(options)) assert.equal(new Option(flags).attributeName(), name);
  }
});

test('the defaults of the folders', async () => {
  for (const [command, data, files] of [
    ['export', './exports/data', './exports/files'],
    ['export-models', './exports/model_data', './exports/model_files'],
  ] as const) {
    const { stdout } = await runCli([command, '--help'], { cwd: ROOT });
    const text = stdout.replaceAll(/\s+/g, ' ');
    assert.ok(text.includes(`folder of the parquet data (default: ${data})`));
    assert.ok(text.includes(`folder of the downloaded files (default: ${files})`));
  }
});

test('every new way to select has an example', async () => {
  const { stdout } = await runCli(['export', '--help'], { cwd: ROOT });
  const examples = stdout.slice(stdout.indexOf('\nExamples:'));
  for (const option of ['--runs-file', '-q', '--created-after', '--exclude-attributes', '--max-file-size']) {
    assert.match(examples, new RegExp(` ${option} `));
  }
});

test('--version and --help load nothing but the command line and commander', async (t) => {
  const hooks = join(await tempFolder(t), 'hooks.mjs');
  const log = "process._rawDebug('loaded ' + url)";
  await writeFile(
    hooks,
    `import { registerHooks } from 'node:module';
     registerHooks({ load(url, context, next) { ${log}; return next(url, context); } });`,
  );
  for (const flag of ['--version', '--help']) {
    const env = { NODE_OPTIONS: `--import=${pathToFileURL(hooks).href}` };
    const { code, stderr } = await runCli([flag], { cwd: ROOT, env });
    assert.equal(code, 0);
    const loaded = [...stderr.matchAll(/^loaded file:.*\/(src|node_modules)\/(.+)$/gm)].map(([, , path = '']) => path);
    assert.ok(loaded.length > 10, stderr);
    const light = /^(?:cli\/|model\/|commander\/|targets\/(?:registry|descriptor|list|[^/]+\/options)\.ts$)/;
    assert.deepEqual(
      loaded.filter((path) => !light.test(path)),
      [],
    );
  }
});
