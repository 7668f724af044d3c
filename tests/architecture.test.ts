// Who may import whom: the picture source -> archive -> target, kept true.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import test from 'node:test';

const SRC = join(import.meta.dirname, '..', 'src');

/** Folders of src/ and what each may import besides itself. */
const ALLOWED: Record<string, string[]> = {
  model: [],
  http: ['model'],
  archive: ['model', 'http'],
  sources: ['model', 'http'],
  targets: ['model', 'http'],
  transfer: ['model', 'http', 'archive', 'sources', 'targets'],
  demo: ['model'],
  viewer: ['model', 'archive'],
  cli: ['model', 'http', 'archive', 'sources', 'targets', 'transfer', 'demo', 'viewer'],
  // The library's face shows everything but the command line and the demo.
  'index.ts': ['model', 'http', 'archive', 'sources', 'targets', 'transfer'],
};

/** Siblings that don't know of each other: no `sources/a` imports `sources/b`. What they share lies in the folder itself. */
const SEPARATE = ['sources', 'targets'];

interface Import {
  from: string;
  to: string;
}

/** Every relative import below src/, static and dynamic, as paths below src/. */
async function imports(): Promise<Import[]> {
  const found: Import[] = [];
  for await (const name of glob('**/*.ts', { cwd: SRC })) {
    const path = join(SRC, name);
    const text = readFileSync(path, 'utf8');
    for (const [, target = ''] of text.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*'(\.[^']+)'/g)) {
      found.push({ from: name, to: relative(SRC, join(dirname(path), target)) });
    }
  }
  return found;
}

const top = (path: string) => path.split('/')[0] ?? '';

function isAllowed({ from, to }: Import): boolean {
  if (to.startsWith('..')) return false;
  const [area, other] = [top(from), top(to)];
  if (area !== other) return ALLOWED[area]?.includes(other) === true;
  if (!SEPARATE.includes(area)) return true;
  const [, mine = '', ...insideMine] = from.split('/');
  const [, theirs = '', ...insideTheirs] = to.split('/');
  return insideMine.length === 0 || insideTheirs.length === 0 || mine === theirs;
}

test('each folder imports only what it may', async () => {
  const all = await imports();
  assert.ok(all.length > 20, `only ${all.length} imports found: the search is broken`);
  const wrong = all.filter((one) => !isAllowed(one)).map(({ from, to }) => `${from} imports ${to}`);
  assert.deepEqual(wrong, []);
});

test('every folder has a rule', async () => {
  const areas = new Set((await imports()).map(({ from }) => top(from)));
  assert.deepEqual(
    [...areas].filter((area) => ALLOWED[area] === undefined),
    [],
  );
});

test('the rule is able to say no', () => {
  const forbidden: Import[] = [
    { from: 'model/runs.ts', to: 'http/client.ts' },
    { from: 'archive/writer.ts', to: 'sources/source.ts' },
    { from: 'targets/mlflow/index.ts', to: 'archive/reader.ts' },
    { from: 'targets/mlflow/index.ts', to: 'targets/wandb/client.ts' },
    { from: 'sources/neptune3/index.ts', to: 'sources/neptune2/index.ts' },
    { from: 'demo/server.ts', to: 'sources/token.ts' },
    { from: 'cli/main.ts', to: '../package.json' },
  ];
  for (const one of forbidden) assert.equal(isAllowed(one), false, `${one.from} -> ${one.to}`);
  assert.equal(isAllowed({ from: 'targets/registry.ts', to: 'targets/mlflow/index.ts' }), true);
});

test('the public entry does not pull in the command line', async () => {
  const graph = Map.groupBy(await imports(), ({ from }) => from);
  const seen = new Set<string>(['index.ts']);
  for (const path of seen) for (const { to } of graph.get(path) ?? []) seen.add(to);
  assert.deepEqual(
    [...seen].filter((path) => ['cli', 'demo'].includes(top(path))),
    [],
  );
});
