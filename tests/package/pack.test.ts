// The package as users get it: packed, installed elsewhere, run from there.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { glob, readdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { cleanEnvironment, ROOT } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';

const execute = promisify(execFile);
/** The Node that runs the tests comes first, also for programs that begin with `#!/usr/bin/env node`. */
const ENVIRONMENT = cleanEnvironment({ PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) });
/** A registry may be reached by a certificate authority of its own. */
const AUTHORITY = Object.fromEntries(
  ['NODE_EXTRA_CA_CERTS', 'npm_config_cafile'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  }),
);

function npm(args: string[], cwd: string): Promise<{ stdout: string; stderr: string }> {
  return execute('npm', [...args, '--no-audit', '--no-fund'], {
    cwd,
    env: { ...ENVIRONMENT, ...AUTHORITY },
    maxBuffer: 1 << 26,
  });
}

/** Packs the checkout as it was last built. */
async function pack(folder: string): Promise<{ tarball: string; files: string[] }> {
  const { stdout } = await npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], ROOT);
  const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  return { tarball: join(folder, packed.filename), files: packed.files.map(({ path }) => path) };
}

/** A project that has installed the packed package. */
async function install(t: TestContext): Promise<{ folder: string; bin: string }> {
  const folder = await tempFolder(t);
  const { tarball } = await pack(folder);
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'somebody', private: true, type: 'module' }));
  await npm(['install', '--prefer-offline', tarball], folder);
  return { folder, bin: join(folder, 'node_modules', '.bin', 'neptune-exporter') };
}

test('the tarball holds the built program and its documents, and nothing else', async (t) => {
  const { files } = await pack(await tempFolder(t));
  const allowed =
    /^(?:dist\/.+\.(?:js|js\.map|d\.ts)|bin\/neptune-exporter\.js|docs\/.+\.md|schema\/.+\.json|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;
  assert.deepEqual(
    files.filter((path) => !allowed.test(path)),
    [],
  );
  for (const path of ['package.json', 'bin/neptune-exporter.js', 'README.md', 'LICENSE', 'CHANGELOG.md']) {
    assert.ok(files.includes(path), `${path} is missing`);
  }
});

test('the build is that of the sources: run `npm run build` if this fails', async (t) => {
  const { files } = await pack(await tempFolder(t));
  const sources = await Array.fromAsync(glob('**/*.ts', { cwd: join(ROOT, 'src') }));
  const expected = sources.map((path) => `dist/${path.replace(/\.ts$/, '.js')}`).sort();
  assert.deepEqual(files.filter((path) => /^dist\/.*\.js$/.test(path)).sort(), expected);
});

test('installed elsewhere, the program runs and the library can be imported', async (t) => {
  const { folder, bin } = await install(t);
  const run = (args: string[]) => execute(bin, args, { cwd: folder, env: ENVIRONMENT, maxBuffer: 1 << 26 });

  assert.match((await run(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
  assert.match((await run(['--help'])).stdout, /Commands:/);
  const wrong = await run(['exprot']).catch((error: { code: number; stderr: string }) => error);
  assert.match(wrong.stderr, /^error: Unknown command 'exprot'\.\n/);

  const { stdout } = await run(['demo', 'archive', '--no-progress']);
  assert.match(stdout, /^Archive .*\n\ndemo\/image-classification\n/);
  const [project = ''] = await readdir(join(folder, 'archive', 'data'));
  assert.ok(existsSync(join(folder, 'archive', 'data', project, '_runs')));

  const script = `import * as library from 'neptune-exporter'; console.log(Object.keys(library).sort().join(' '));`;
  const library = await execute(process.execPath, ['--input-type=module', '-e', script], {
    cwd: folder,
    env: ENVIRONMENT,
  });
  for (const name of [
    'exportRuns',
    'openArchive',
    'readBatches',
    'summarise',
    'createTarget',
    'loadArchive',
    'ExporterError',
  ]) {
    assert.ok(library.stdout.split(/\s/).includes(name), `${name} is not in: ${library.stdout}`);
  }
});

test('the types of the library are found', async (t) => {
  const { folder } = await install(t);
  const script = `import { type ArchiveRun, openArchive } from 'neptune-exporter';\nexport const projects: ArchiveRun['project'][] = (await openArchive('x')).projects();\n`;
  await writeFile(join(folder, 'script.ts'), script);
  const options = { compilerOptions: { module: 'NodeNext', target: 'ES2023', strict: true, noEmit: true, types: [] } };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ ...options, files: ['script.ts'] }));
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  await execute(process.execPath, [tsc, '-p', folder], { cwd: folder }).catch((error: { stdout: string }) =>
    assert.fail(error.stdout),
  );
});
