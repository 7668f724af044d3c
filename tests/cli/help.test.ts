// --help and --version: complete, on standard output, quick because nothing heavy is loaded.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { LOADERS } from '../../src/cli/commands/load.ts';
import { TARGET_NAMES } from '../../src/targets/registry.ts';
import { ROOT, runCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';

/** Options by command: contract, short forms included. */
const OPTIONS: Record<string, string[]> = {
  export: [
    '-p, --project-ids',
    '--workspace',
    '--project-pattern',
    '--project-exclude-pattern',
    '--exporter',
    '-r, --runs',
    '-a, --attributes',
    '-c, --classes',
    '--exclude',
    '--include-archived-runs',
    '--include-metric-previews',
    '--api-token',
    '-d, --data-path',
    '-f, --files-path',
    '--concurrency',
    '--error-report-file',
    '-v, --verbose',
    '--log-file',
    '--no-progress',
    '--json',
  ],
  summary: [
    '-d, --data-path',
    '-f, --files-path',
    '-p, --project-ids',
    '-r, --runs',
    '-v, --verbose',
    '--log-file',
    '--json',
  ],
  load: [
    '--loader',
    '-p, --project-ids',
    '-r, --runs',
    '-d, --data-path',
    '-f, --files-path',
    '--step-multiplier',
    '--name-prefix',
    '--mlflow-tracking-uri',
    '--concurrency',
    '--error-report-file',
    '-v, --verbose',
    '--log-file',
    '--no-progress',
    '--json',
  ],
  demo: ['--serve', '--port', '-v, --verbose', '--no-progress'],
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

test('--loader knows every target', () => {
  assert.deepEqual([...LOADERS], TARGET_NAMES);
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
    const light = /^(?:cli\/|model\/|commander\/)/;
    assert.deepEqual(
      loaded.filter((path) => !light.test(path)),
      [],
    );
  }
});
