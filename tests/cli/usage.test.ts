// Wrong use of the command line: exit code 2, one clear sentence, nothing done.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import test from 'node:test';
import { runCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';

const EXPORT = ['export', '--exporter', 'neptune3'];
const EXPORT2 = ['export', '--exporter', 'neptune2'];

/** Arguments, the sentence, and the hint where there must be one. */
const WRONG: [args: string[], sentence: RegExp, hint?: RegExp][] = [
  [['exprot'], /^error: Unknown command 'exprot'\.$/, /Did you mean export\?/],
  [['--exporter'], /^error: Unknown option '--exporter'\.$/, /neptune-exporter --help/],
  [['export', '--atributes', 'x'], /^error: Unknown option '--atributes'\.$/, /Did you mean --attributes\?/],
  [['export', '-p'], /^error: Option '-p, --project-ids <path>' argument missing\.$/, /neptune-exporter export --help/],
  [['export', '-p', 'a/b', 'c/d'], /^error: Too many arguments for 'export'/, /-p one -p two/],
  [['export', '--exporter', 'neptune4', '-p', 'a/b'], /'neptune4' is invalid\. Allowed: neptune3, neptune2\.$/],
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
  [
    [...EXPORT2, '-p', 'a/b', '-r', '(?>RUN)'],
    /^error: The regular expression '\(\?>RUN\)' of -r \(--runs\) is not valid: .* not supported\.$/,
  ],
  [[...EXPORT2, '-p', 'a/b', '-a', '\\pL'], /-a \(--attributes\) is not valid: .* not supported\.$/],
  [['export', '-p', 'a/b', '-r', '*RUN'], /-r \(--runs\) is not valid: nothing to repeat/, /no file pattern/],
  [
    [...EXPORT, '-p', 'a/b', '-q', '`sys/id`:string = "A"'],
    /^error: -q \(--runs-query\) is for Neptune 2 only, and this is Neptune 3\.$/,
    /Use -r,/,
  ],
  [
    [...EXPORT, '-p', 'a/b', '-r', 'A', '--runs-file', 'ids.txt'],
    /^error: -r \(--runs\) and --runs-file exclude each other\.$/,
  ],
  [
    [...EXPORT, '-p', 'a/b', '--runs-file', 'ids.txt'],
    /^error: --runs-file: the file 'ids\.txt' can't be read: there is no such file\.$/,
    /one run id a line/,
  ],
  [
    [...EXPORT, '-p', 'a/b', '--runs-file', '.'],
    /^error: --runs-file: the file '\.' can't be read: it is a folder\.$/,
    /./,
  ],
  [[...EXPORT, '-p', 'a/b', '--runs-file', '-'], /^error: --runs-file: standard input has no run ids\.$/, /one run id/],
  ...['--created-after', '--created-before', '--modified-after', '--modified-before'].flatMap(
    (option): typeof WRONG => [
      [
        [...EXPORT, '-p', 'a/b', option, '2024-02-30'],
        new RegExp(
          `^error: Option '${option} <time>' argument '2024-02-30' is invalid\\. There is no such day or time\\.$`,
        ),
      ],
      [
        ['export-models', '-p', 'a/b', option, 'yesterday'],
        new RegExp(
          `^error: Option '${option} <time>' argument 'yesterday' is invalid\\. A time is written as 2024-05-31`,
        ),
      ],
    ],
  ),
  [
    [...EXPORT, '-p', 'a/b', '--created-after', '2024-05-31T12:00+02:00', '--created-before', '2024-05-31T10:00'],
    /^error: No time lies between --created-after and --created-before\.$/,
    /earlier than that/,
  ],
  [
    ['export-models', '-p', 'a/b', '--modified-after', '2024-06-01', '--modified-before', '2024-05-31'],
    /^error: No time lies between --modified-after and --modified-before\.$/,
    /earlier than that/,
  ],
  [
    [...EXPORT, '-p', 'a/b', '--exclude-attributes', 'a', '--exclude-attributes', '(b'],
    /^error: The regular expression '\(b' of --exclude-attributes is not valid: missing \)/,
  ],
  [
    [...EXPORT, '-p', 'a/b', '--exclude-attributes', '(?>b)'],
    /of --exclude-attributes is not valid: .* not supported\.$/,
  ],
  [
    [...EXPORT, '-p', 'a/b', '--max-file-size', '500M'],
    /^error: Option '--max-file-size <size>' argument '500M' is invalid\. A size is written as 1000 \(bytes\), 500MB/,
  ],
  [['export-models', '-p', 'a/b', '--max-file-size', '-1'], /'-1' is invalid\. A size is written/],
  [
    ['export-models', '-p', 'a/b', '--exporter', 'neptune3'],
    /^error: Neptune 3 has no model registry: there are no models to export\.$/,
    /neptune-exporter export/,
  ],
  [['export-models'], /^error: No project is named\.$/, /NEPTUNE_PROJECT/],
  [['export-models', '-p', 'a/b', '--workspace', 'a'], /exclude each other/],
  [['export-models', '-p', 'a/b', '--project-exclude-pattern', 'x'], /need --workspace/],
  [['export-models', '-p', 'a/b', '-r', 'MOD'], /^error: Unknown option '-r'\.$/],
  [['export-models', '-p', 'a/b', '-a', '\\pL'], /-a \(--attributes\) is not valid: .* not supported\.$/],
  [['export-models', '-p', 'a/b', '-c', 'metrics', '--exclude', 'files'], /exclude each other/],
  [['export-models', '-p', 'a/b', '--include-archived-runs'], /^error: Unknown option/],
  [['export-models', '-p', 'a/b', '--runs-file', 'x'], /^error: Unknown option/],
  [['load'], /^error: Required option '--loader <target>' not specified\.$/, /neptune-exporter load --help/],
  [['load', '--loader', 'mlfow'], /'mlfow' is invalid\. Allowed: (?:\w+, )*mlflow(?:, \w+)*\.$/],
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
