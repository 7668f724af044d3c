// Files of Neptune 2 lie where the official exporter puts them, unless that would lose one or lead out of the folder.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';

import fc from 'fast-check';

import { isSafeRelativePath } from '../../src/archive/manifest.ts';
import { foldCase, Neptune2FileNamer, type Neptune2FileNamerOptions } from '../../src/archive/names.ts';
import { isPlainName } from '../../src/model/plain-name.ts';
import { python } from '../counterparts/python.ts';
import { tempFolder } from '../helpers/temp.ts';

type Attributes = Neptune2FileNamerOptions['attributes'];
type Type = Attributes[number]['type'];

const RUN = { projectId: 'ws/p', runId: 'P-1' };
const MARK = '-[0-9a-f]{16}';

function namer(attributes: Attributes, options: Partial<Neptune2FileNamerOptions> = {}): Neptune2FileNamer {
  return new Neptune2FileNamer({ ...RUN, attributes, ...options });
}

/** The paths of attributes, given as path and type, without the run's own folder. */
function paths(attributes: Record<string, Type>, options: Partial<Neptune2FileNamerOptions> = {}) {
  const names = namer(
    Object.entries(attributes).map(([path, type]) => ({ path, type })),
    options,
  );
  const head = options.scope ? `${options.scope}/P-1/` : 'ws/p/P-1/';
  return Object.keys(attributes).map((path) => {
    const found = names.relativePath(path);
    assert.ok(found.startsWith(head), found);
    return found.slice(head.length);
  });
}

test('plain names are the official ones, whatever the type', async () => {
  const attributes = [
    ['files/dataset', 'file'],
    ['a//b/./c', 'file'],
    ['/leading/slash', 'file'],
    ['ünï/漢字 x.tar.gz', 'file'],
    ['source_code/files', 'file_set'],
    ['images', 'file_series'],
    ['images/final', 'file'],
    ['data/train', 'artifact'],
    ['data/train/notes', 'file'],
    ['.hidden', 'file'],
    ['a.b/c-d', 'file'],
  ] as const;
  const script = `
import json, sys, pathlib
base = pathlib.Path("/f/P")
found = []
for path, kind in json.loads(sys.argv[1]):
    target = base / "ws/p" / "P-1" / path.lstrip("/")
    found.append(str((target / "files_list.json" if kind == "artifact" else target).relative_to(base)))
print(json.dumps(found))`;
  const { stdout } = await promisify(execFile)(await python('neptune3'), ['-c', script, JSON.stringify(attributes)]);
  const names = namer(attributes.map(([path, type]) => ({ path, type })));
  assert.deepEqual(
    attributes.map(([path]) => names.relativePath(path)),
    JSON.parse(stdout),
  );
});

test('models and versions have folders of their own', () => {
  assert.deepEqual(
    namer([{ path: 'a/b', type: 'file' }], { scope: 'models', runId: 'P-M' }).relativePath('a/b'),
    'models/P-M/a/b',
  );
  assert.deepEqual(
    namer([{ path: 'a', type: 'artifact' }], { scope: 'model_versions', runId: 'P-M-1' }).relativePath('a'),
    'model_versions/P-M-1/a/files_list.json',
  );
});

test('a workspace, project or run named with ill intent stays in the folder', () => {
  const heads: [string, string, string | RegExp][] = [
    ['ws/p', 'P-1', 'ws/p/P-1/f'],
    ['../../etc', '..', /^__-\w{16}\/__-\w{16}\/etc\/__-\w{16}\/f$/],
    ['c:x/p', 'a/b', /^c_x-\w{16}\/p\/a_b-\w{16}\/f$/],
    ['models/P-M', 'P-1', /^models-\w{16}\/P-M\/P-1\/f$/],
    ['ws/p', 'P-1-0123456789abcdef', /^ws\/p\/P-1-0123456789abcdef-\w{16}\/f$/],
    ['con/p.', '', /^con-\w{16}\/p.-\w{16}\/-\w{16}\/f$/],
  ];
  for (const [projectId, runId, expected] of heads) {
    const path = namer([{ path: 'f', type: 'file' }], { projectId, runId }).relativePath('f');
    assert.ok(isSafeRelativePath(path), path);
    if (typeof expected === 'string') assert.equal(path, expected);
    else assert.match(path, expected);
  }
  assert.match(namer([], { plainFolder: false }).relativePath('f'), /^ws\/p\/P-1-\w{16}\//);
});

test('names that no file system takes get a mark, before a short extension', () => {
  const cases: [string, RegExp][] = [
    ['../../x', new RegExp(`^__${MARK}/__${MARK}/x$`)],
    ['a/..', new RegExp(`^a/__${MARK}$`)],
    ['nul\0byte.png', new RegExp(`^nul_byte${MARK}\\.png$`)],
    ['back\\slash', new RegExp(`^back_slash${MARK}$`)],
    ['CON', new RegExp(`^CON${MARK}$`)],
    ['a/con.txt', new RegExp(`^a/con${MARK}\\.txt$`)],
    ['con.tar.gz', new RegExp(`^_con\\.tar${MARK}\\.gz$`)],
    ['ends.', new RegExp(`^ends\\.${MARK}$`)],
    ['blank /x', new RegExp(`^blank ${MARK}/x$`)],
    ['model.bin.download', new RegExp(`^model\\.bin\\.download${MARK}$`)],
    ['half \ud800', new RegExp(`^half _${MARK}$`)],
    [`${'x'.repeat(300)}.zip`, new RegExp(`^x{234}${MARK}\\.zip$`)],
    ['漢'.repeat(100), new RegExp(`^漢{79}${MARK}$`)],
    [`${'deep/'.repeat(1000)}x.png`, new RegExp(`^x${MARK}\\.png$`)],
    ['', new RegExp(`^_${MARK}$`)],
    ['./', new RegExp(`^_${MARK}$`)],
  ];
  const found = paths(Object.fromEntries(cases.map(([path]) => [path, 'file'])));
  for (const [index, [path, expected]] of cases.entries()) assert.match(found[index]!, expected, path);
  assert.deepEqual(paths({ 'a:b?': 'file' }, { windows: false }), ['a:b?']);
  assert.match(paths({ 'a:b?': 'file' }, { windows: true })[0]!, new RegExp(`^a_b_${MARK}$`));
});

test('the first of two attributes keeps a place, the others are marked', () => {
  const matches = (attributes: Record<string, Type>, ...expected: string[]) => {
    const found = paths(attributes);
    for (const [index, pattern] of expected.entries()) {
      assert.match(found[index]!, new RegExp(`^${pattern.replaceAll('#', MARK)}$`));
    }
  };
  // The same but for slashes, case or composition.
  matches({ 'a/b.png': 'file', 'a//b.png': 'file' }, 'a/b#\\.png', 'a/b\\.png');
  matches({ Loss: 'file', loss: 'file' }, 'Loss', 'loss#');
  matches({ 'e\u0301': 'file', é: 'file' }, 'e\u0301', 'é#');
  matches({ Imgs: 'file_series', imgs: 'file_series' }, 'Imgs', 'imgs#');
  // A file where a folder has to be.
  matches({ a: 'file', 'a/b': 'file' }, 'a', 'b#');
  matches({ A: 'file', 'a/b': 'file', 'b/c': 'file' }, 'A', 'b#', 'b/c');
  matches({ data: 'artifact', 'data/files_list.json': 'file' }, 'data/files_list.json', 'data/files_list#\\.json');
  matches({ data: 'artifact', 'data/files_list.json/x': 'file' }, 'data/files_list.json', 'x#');
  // A point of a series.
  matches({ images: 'file_series', 'images/0.png': 'file' }, 'images', 'images/0#\\.png');
  matches({ images: 'file_series', 'images/0.d/x': 'file' }, 'images', 'x#');
  matches({ 'IMAGES/0.png': 'file', images: 'file_series' }, 'IMAGES/0.png', 'images#');
  matches(
    { images: 'file_series', 'images/0': 'file', 'images/x0.png': 'file' },
    'images',
    'images/0',
    'images/x0.png',
  );
  // Nobody knows what a set of files will hold.
  matches({ set: 'file_set', 'set/more': 'file' }, 'set#', 'set/more');
  matches({ set: 'file_set', 'SET/deep/er': 'file_set' }, 'set#', 'SET/deep/er');
  matches({ Set: 'file_set', set: 'artifact' }, 'Set', 'set#/files_list.json');
  // A name that looks like a mark does not help.
  const [, marked = ''] = paths({ Loss: 'file', loss: 'file' });
  const again = paths({ Loss: 'file', loss: 'file', [marked]: 'file' });
  assert.equal(again[2], marked);
  assert.equal(new Set(again).size, 3);
});

const SEGMENT = fc.oneof(
  fc.constantFrom('a', 'A', 'b', 'a.', '0.png', '1.png', '0.PNG', '..', '.', '', 'nul', 'con.txt', 'é', 'e\u0301'),
  fc.constantFrom('files_list.json', 'x.download', 'X.DOWNLOAD', 'a\ud800', 'a\ud801', 'c:', '0', 'straße', 'STRASSE'),
  fc.string({ unit: 'binary', maxLength: 4 }),
  fc.constantFrom('漢'.repeat(90), 'x'.repeat(255), `${'x'.repeat(254)}y`),
);
const ATTRIBUTE = fc.record({
  path: fc.array(SEGMENT, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
  type: fc.constantFrom<Type[]>('file', 'file_series', 'file_set', 'artifact'),
});
const ATTRIBUTES = fc.uniqueArray(ATTRIBUTE, { selector: ({ path }) => path, maxLength: 14 });

/** What will lie on the disk: the answers name the zip of a set and the points of a series. */
function filesOf(names: Neptune2FileNamer, attributes: Attributes): string[] {
  return attributes.flatMap(({ path, type }) => {
    const place = names.relativePath(path);
    if (type === 'file_set') return [`${place}/anything at all.zip`, `${place}/0.png`];
    return type === 'file_series' ? [`${place}/0.png`, `${place}/1.PNG`] : [place];
  });
}

test('no two files share a path, no path is the folder of another, none leaves the run', () => {
  fc.assert(
    fc.property(ATTRIBUTES, fc.boolean(), (attributes, windows) => {
      const all = filesOf(namer(attributes, { windows }), attributes);
      const folded = (path: string) => path.split('/').map(foldCase).join('/');
      const files = new Set(all.map(folded));
      assert.equal(files.size, all.length);
      for (const path of all) {
        assert.ok(isSafeRelativePath(path), path);
        assert.ok(path.startsWith('ws/p/P-1/'));
        const parts = path.split('/');
        for (const part of parts) assert.ok(isPlainName(part, windows), part);
        for (let depth = 1; depth < parts.length; depth++) {
          const folder = folded(parts.slice(0, depth).join('/'));
          assert.ok(!files.has(folder), path);
          // A download under way must not meet a folder, nor another file.
          assert.ok(!files.has(`${folder}.download`) && !folder.endsWith('.download'), path);
        }
      }
    }),
    { numRuns: 3000 },
  );
});

test('nothing lies in the folder of a set of files but its own', () => {
  fc.assert(
    fc.property(ATTRIBUTES, (attributes) => {
      const names = namer(attributes);
      const fold = (path: string) => foldCase(names.relativePath(path));
      for (const set of attributes.filter(({ type }) => type === 'file_set')) {
        for (const other of attributes) {
          assert.ok(other === set || !`${fold(other.path)}/`.startsWith(`${fold(set.path)}/`), other.path);
        }
      }
    }),
    { numRuns: 1000 },
  );
});

test('names depend on the set of attributes, not on their order', () => {
  fc.assert(
    fc.property(ATTRIBUTES, (attributes) => {
      const all = (order: Attributes) => {
        const names = namer(order);
        return attributes.map(({ path }) => names.relativePath(path));
      };
      assert.deepEqual(all(attributes.toReversed()), all(attributes));
    }),
  );
});

test('a disk takes the names, all at once', async (t) => {
  const folder = await tempFolder(t);
  const attributes = fc
    .sample(ATTRIBUTE, 300)
    .filter(({ path }, index, all) => all.findIndex((one) => one.path === path) === index);
  const all = filesOf(namer(attributes), attributes);
  for (const path of all) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), '', { flag: 'wx' });
  }
  assert.ok(all.length > 200);
});
