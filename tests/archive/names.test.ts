// Disk names equal the official exporter's, and names of downloaded files never clash.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';

import fc from 'fast-check';

import {
  diskName,
  FileNamer,
  type FileNamerOptions,
  parsePartName,
  partName,
  safeCharacters,
} from '../../src/archive/names.ts';
import { python } from '../counterparts/python.ts';

const run = promisify(execFile);

/** Runs a Python script on JSON lists of arguments and returns its JSON answer. */
async function askPython(script: string, input: unknown): Promise<unknown> {
  const { stdout } = await run(await python('neptune3'), ['-c', script, JSON.stringify(input)], { maxBuffer: 1 << 28 });
  return JSON.parse(stdout);
}

test('disk names are those of the official exporter', async () => {
  const names = [
    'workspace/project',
    'RUN-1',
    '',
    'ünï 漢字 x²½Ⅷ٣',
    'e\u0301',
    '𝔘🙈',
    'a.b',
    'a_b',
    '..',
    '\u0000\n',
    '\uffff',
    'x'.repeat(217),
    ...fc.sample(fc.string({ unit: 'grapheme', maxLength: 30 }), 300),
  ];
  const expected = (await askPython(
    `
import hashlib, json, sys, unicodedata
def name(s):
    if any(unicodedata.category(c) == "Cn" for c in s):
        return None
    d = hashlib.blake2b(s.encode(), digest_size=8).hexdigest()
    return "".join(c if c.isalnum() or c in "_-" else "_" for c in s) + "-" + d
print(json.dumps([name(s) for s in json.loads(sys.argv[1])]))`,
    names,
  )) as (string | null)[];
  // What this Python's Unicode doesn't know yet can't be compared.
  const known = expected.map((name, index) => (name === null ? null : diskName(names[index]!)));
  assert.deepEqual(known, expected);
  assert.ok(expected.filter((name) => name !== null).length > 100);
});

test('letters and numbers are what Python takes for them', async () => {
  const script = `
import json, sys, unicodedata
print(json.dumps([[c for c in range(0x110000) if chr(c).isalnum()],
    [c for c in range(0x110000) if unicodedata.category(chr(c)) == "Cn"]]))`;
  const answer = (await askPython(script, [])) as [number[], number[]];
  const [alphanumeric, unassigned] = answer.map((codes) => new Set(codes)) as [Set<number>, Set<number>];
  let kept = 0;
  for (let code = 0; code < 0x110000; code++) {
    if ((code >= 0xd800 && code < 0xe000) || code === 0x5f) continue;
    const safe = safeCharacters(String.fromCodePoint(code)) !== '_';
    if (safe) kept++;
    // What this Python's Unicode doesn't know yet can't be compared.
    if (!unassigned.has(code)) assert.equal(safe, alphanumeric.has(code) || code === 0x2d, `U+${code.toString(16)}`);
  }
  // `-`, and the 138,557 characters that are alphanumeric in Python 3.13; another number means that a newer Unicode slipped in.
  assert.equal(kept, 138558);
});

test('a name too long for a file system is cut between characters, with its digest whole', () => {
  const long = diskName('漢'.repeat(300));
  assert.match(long, /^漢+-[0-9a-f]{16}$/);
  assert.ok(Buffer.byteLength(`${partName(long, 999)}.tmp`) <= 255);
  assert.notEqual(long, diskName('漢'.repeat(301)));
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (id) => {
      assert.ok(Buffer.byteLength(`${partName(diskName(id), 0)}.tmp`) <= 255);
    }),
  );
});

test('part names are taken apart at their last number', () => {
  assert.deepEqual(parsePartName('a_part_0-0123_part_12.parquet'), { run: 'a_part_0-0123', part: 12 });
  for (const other of [
    'a_part_1.parquet.tmp',
    'a_part_01.parquet',
    '_part_1.parquet',
    'a_part_.parquet',
    'a.parquet',
  ]) {
    assert.equal(parsePartName(other), undefined, other);
  }
});

type Attributes = FileNamerOptions['attributes'];

function namer(attributes: Attributes, runId = 'RUN-1'): FileNamer {
  return new FileNamer({ projectFilesDir: '/files', runId, attributes });
}

test('files lie where the official client puts them', async () => {
  const cases: [string, string, number | null, string][] = [
    ['RUN-1', 'files/model.pt', null, 'application/octet-stream'],
    ['RUN-1', 'a b/ü.x', null, 'image/png'],
    ['ночь_1', 'images/sample', 12.5, 'image/png'],
    ['RUN-1', 'images/neg', -1, 'IMAGE/PNG'],
    ['RUN-1', 'images/zero', 0, 'text/plain; charset=utf-8'],
    ['RUN-1', 'a//b/./c', null, 'text/csv'],
    ['RUN-1', 'up/../x', null, ''],
    ['RUN-1', 'no/such', null, 'application/x-unheard-of'],
    ['RUN-1', '-dash/-x', 1e9, 'application/json'],
  ];
  const expected = await askPython(
    `
import json, sys, pathlib
from neptune_query.internal.retrieval import files
import types
found = []
for run, path, step, mime in json.loads(sys.argv[1]):
    file = types.SimpleNamespace(container_identifier=run, attribute_path=path, step=step, mime_type=mime)
    found.append(str(files.create_target_path(pathlib.Path("/files"), file))[len("/files/"):])
print(json.dumps(found))`,
    cases,
  );
  const found = cases.map(([runId, path, step, mimeType]) => {
    const type = step === null ? 'file' : 'file_series';
    const options = step === null ? {} : { step: BigInt(Math.round(step * 1e6)) };
    return namer([{ path, mimeType, type }], runId).relativePath(path, options);
  });
  assert.deepEqual(found, expected);
});

test('runs never share a folder', () => {
  const folders = ['a.b', 'a_b', 'a_b-0123456789abcdef', 'con', 'x'.repeat(300), '..', ''].map(
    (runId) =>
      namer([{ path: 'f', type: 'file' }], runId)
        .relativePath('f')
        .split('/')[0],
  );
  assert.equal(new Set(folders).size, folders.length);
  assert.equal(folders[1], 'a_b');
  for (const folder of folders) assert.match(folder!, /^[\p{L}\p{N}_-]+$/u);
});

test('two attributes that would share a path both get a digest, a lone one none', () => {
  const png = 'image/png';
  const both = namer([
    { path: 'a.b', mimeType: png, type: 'file' },
    { path: 'a_b', mimeType: png, type: 'file' },
    { path: 'A/x', mimeType: png, type: 'file' },
    { path: 'a/X', mimeType: png, type: 'file' },
    { path: 'c.d', mimeType: png, type: 'file' },
    { path: 'c_d', mimeType: 'text/plain', type: 'file' },
  ]);
  assert.match(both.relativePath('a.b'), /^RUN-1\/a_b-[0-9a-f]{16}\.png$/);
  assert.notEqual(both.relativePath('a.b'), both.relativePath('a_b'));
  assert.match(both.relativePath('A/x'), /^RUN-1\/A\/x-[0-9a-f]{16}\.png$/);
  assert.equal(both.relativePath('c.d'), 'RUN-1/c_d.png');
  assert.equal(both.relativePath('c_d'), 'RUN-1/c_d.txt');
  const folder = namer([
    { path: 'a', type: 'file' },
    { path: 'a/b', type: 'file' },
  ]);
  assert.match(folder.relativePath('a'), /^RUN-1\/a-[0-9a-f]{16}$/);
  assert.equal(folder.relativePath('a/b'), 'RUN-1/a/b');
  const series = namer([
    { path: 'imgs', type: 'file_series' },
    { path: 'imgs/step_1.000000', mimeType: png, type: 'file' },
  ]);
  assert.match(
    series.relativePath('imgs', { step: 1_000_000n, mimeType: png }),
    /^RUN-1\/imgs-\w{16}\/step_1_000000\.png$/,
  );
});

const SEGMENT = fc.oneof(
  fc.constantFrom('a', 'A', 'a.', 'a_', 'step_1_000000', 'step_1.000000', '..', '.', '', 'nul', 'é', 'e\u0301', '-x'),
  fc.string({ unit: 'binary', maxLength: 4 }),
  fc.constant('漢'.repeat(90)),
);
const ATTRIBUTE = fc.record({
  path: fc.array(SEGMENT, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
  mimeType: fc.constantFrom('image/png', 'text/plain', '', 'x/unknown'),
  type: fc.constantFrom('file' as const, 'file_series' as const, 'file_set' as const, 'artifact' as const),
});
const ATTRIBUTES = fc.uniqueArray(ATTRIBUTE, { selector: ({ path }) => path, maxLength: 12 });
const STEPS = [0n, 1_000_000n, -500_000n];

/** All paths of a run's files, with the attribute that each belongs to. */
function allPaths(names: FileNamer, attributes: Attributes): { path: string; attribute: string }[] {
  return attributes.flatMap(({ path: attribute, type }) => {
    if (type === 'file_series') {
      return STEPS.map((step) => ({ path: names.relativePath(attribute, { step }), attribute }));
    }
    return [{ path: names.relativePath(attribute), attribute }];
  });
}

test('no two files of a run share a path, none lies in place of a folder, none leaves the run', () => {
  fc.assert(
    fc.property(ATTRIBUTES, (attributes) => {
      const paths = allPaths(namer(attributes), attributes).map(({ path }) => path);
      const fold = (path: string) => path.normalize('NFC').toLowerCase();
      const files = new Set(paths.map(fold));
      assert.equal(files.size, paths.length);
      for (const path of paths) {
        const parts = path.split('/');
        assert.equal(parts[0], 'RUN-1');
        for (const part of parts) {
          assert.match(part, /^[\p{L}\p{N}_-]+(\.[a-z0-9]+)?$/u);
          assert.ok(Buffer.byteLength(part) < 240);
        }
        // Whatever lies above a file is a folder and nothing else; nothing lies in a set of files but its own.
        for (let depth = 1; depth < parts.length; depth++)
          assert.ok(!files.has(fold(parts.slice(0, depth).join('/'))), path);
      }
    }),
    { numRuns: 2000 },
  );
});

test('names depend on the set of attributes, not on their order', () => {
  fc.assert(
    fc.property(ATTRIBUTES, (attributes) => {
      const forward = allPaths(namer(attributes), attributes);
      assert.deepEqual(allPaths(namer(attributes.toReversed()), attributes), forward);
    }),
  );
});
