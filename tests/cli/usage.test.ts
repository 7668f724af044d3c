// Wrong use of the command line: exit code 2, one clear sentence, nothing done.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import test from 'node:test';
import { runCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';

const EXPORT = ['export', '--exporter', 'neptune3'];

/** Arguments, the sentence, and the hint where there must be one. */
const WRONG: [args: string[], sentence: RegExp, hint?: RegExp][] = [
  [['exprot'], /^error: Unknown command 'exprot'\.$/, /Did you mean export\?/],
  [['--exporter'], /^error: Unknown option '--exporter'\.$/, /neptune-exporter --help/],
  [['export', '--atributes', 'x'], /^error: Unknown option '--atributes'\.$/, /Did you mean --attributes\?/],
  [['export', '-p'], /^error: Option '-p, --project-ids <path>' argument missing\.$/, /neptune-exporter export --help/],
  [['export', '-p', 'a/b', 'c/d'], /^error: Too many arguments for 'export'/, /-p one -p two/],
  [['export', '--exporter', 'neptune2', '-p', 'a/b'], /'neptune2' is invalid\. Allowed: neptune3\.$/],
  [[...EXPORT, '-p', 'a/b', '-c', 'metric'], /'metric' is invalid\. Allowed: parameters, metrics, series, files\.$/],
  [
    [...EXPORT, '-p', 'a/b', '-c', 'metrics', '--exclude', 'files'],
    /-c \(--classes\) and --exclude exclude each other/,
  ],
  [[...EXPORT, '-p', 'a/b', '--concurrency', '0'], /A whole number from 1 to 64 is needed\.$/],
  [EXPORT, /^error: No project is named\.$/, /NEPTUNE_PROJECT/],
  [[...EXPORT, '-p', 'project'], /^error: 'project' is no project path\.$/, /workspace\/project/],
  [[...EXPORT, '-p', 'a/b', '--workspace', 'a'], /exclude each other/],
  [[...EXPORT, '-p', 'a/b', '--project-pattern', 'x'], /need --workspace/],
  [[...EXPORT, '--workspace', 'a', '--project-pattern', '('], /--project-pattern is not valid: missing \)/],
  [[...EXPORT, '--workspace', 'a', '--project-exclude-pattern', '[a'], /--project-exclude-pattern is not valid/],
  [[...EXPORT, '-p', 'a/b', '-r', '*RUN'], /-r \(--runs\) is not valid: nothing to repeat/, /no file pattern/],
  [[...EXPORT, '-p', 'a/b', '-a', 'config/(.*'], /-a \(--attributes\) is not valid: missing \)/],
  [['load'], /^error: Required option '--loader <target>' not specified\.$/, /neptune-exporter load --help/],
  [['load', '--loader', 'mlfow'], /'mlfow' is invalid\. Allowed: mlflow\.$/],
  [['load', '--loader', 'mlflow', '--step-multiplier', '0.5'], /A whole number from 1 up is needed\.$/],
  [['summary', '--josn'], /^error: Unknown option '--josn'\.$/, /Did you mean --json\?/],
  [['demo', '--port', '99999'], /A whole number from 0 to 65535 is needed\.$/],
];

for (const [args, sentence, hint] of WRONG) {
  test(`refused: ${args.join(' ')}`, async (t) => {
    const cwd = await tempFolder(t);
    const { code, stdout, stderr } = await runCli(args, { cwd });
    const lines = stderr.trimEnd().split('\n');
    assert.equal(code, 2, stderr);
    assert.equal(stdout, '');
    assert.match(lines[0] ?? '', sentence);
    if (hint === undefined) assert.ok(lines.length <= 2, stderr);
    else assert.match(lines[1] ?? '', new RegExp(`^hint: .*${hint.source}`));
    assert.deepEqual(await readdir(cwd), [], 'nothing may be written');
  });
}

test('without a command there is the help, and exit code 2', async (t) => {
  const { code, stderr, stdout } = await runCli([], { cwd: await tempFolder(t) });
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /Usage: neptune-exporter .*Commands:/s);
});
