// Manifests: written whole or not at all, checked when read, forward compatible; and the schema that describes them.

import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';

import {
  manifestDigest,
  manifestPath,
  parseManifest,
  readManifest,
  writeManifest,
} from '../../src/archive/manifest.ts';
import { diskName } from '../../src/archive/names.ts';
import { MANIFEST_VERSION, type Manifest } from '../../src/archive/types.ts';
import { tempFolder } from '../helpers/temp.ts';
import { validate } from './json-schema.ts';

/** Everything that a manifest may have. */
const MANIFEST: Manifest = {
  format: 'neptune-exporter-run',
  version: MANIFEST_VERSION,
  status: 'partial',
  projectId: 'ws/p',
  runId: 'a/b ü',
  sysId: 'P-1',
  writtenBy: 'neptune-exporter 0.1.0',
  writtenAt: '2026-01-02T03:04:05.678Z',
  source: { name: 'neptune3', address: 'https://app.neptune.ai', version: '3.1' },
  selection: {
    attributes: { regex: 'a.*' },
    classes: ['parameters', 'files'],
    previews: false,
    excluded: ['monitoring/.*'],
    maxFileSize: 1000,
  },
  exportId: '3f1c0b5e-6d7a-4a55-9d0c-6c2b6f1f7a10',
  modifiedAt: 1_700_000_000_000,
  parts: [{ name: 'x_part_0.parquet', rows: 3, bytes: 4000, sha256: 'ab'.repeat(32) }],
  files: [
    { attributePath: 'f', attributeType: 'file', path: 'RUN/f.png', bytes: 5, sha256: 'cd'.repeat(32) },
    { attributePath: 's', attributeType: 'file_series', step: '-12.500000', path: null, bytes: 0, sha256: '' },
    {
      attributePath: 'i',
      attributeType: 'file_series',
      step: '0.000000',
      path: 'w/p/R-1/i/0.png',
      bytes: 5,
      sha256: 'cd'.repeat(32),
      details: { name: 'a cat', description: '' },
    },
  ],
  skippedFiles: [
    { attributePath: 'big', attributeType: 'file', bytes: 1001 },
    { attributePath: 'i', attributeType: 'file_series', step: '1.000000', bytes: 4000 },
  ],
  counts: { float: { attributes: 2, rows: 2 } },
  failures: [
    { attributePath: 'm', attributeType: 'float_series', code: 'server', message: 'no', attempts: 3, time: 't' },
  ],
};

/** A manifest with its proof. */
function proven<T extends object>(manifest: T): T & { sha256: string } {
  return { ...manifest, sha256: manifestDigest(manifest as unknown as Manifest) };
}

test('a manifest is read as it was written', async (t) => {
  const dataPath = await tempFolder(t);
  assert.equal(await readManifest(dataPath, 'ws/p', 'a/b ü'), undefined);
  await writeManifest(dataPath, MANIFEST);
  assert.deepEqual(await readManifest(dataPath, 'ws/p', 'a/b ü'), proven(MANIFEST));
  await writeManifest(dataPath, { ...MANIFEST, status: 'complete' });
  assert.equal((await readManifest(dataPath, 'ws/p', 'a/b ü'))?.status, 'complete');
  const folder = join(dataPath, diskName('ws/p'), '_runs');
  assert.deepEqual(await readdir(folder), [`${diskName('a/b ü')}.json`]);
});

test('models and versions have manifests of their own beside those of runs', async (t) => {
  const dataPath = await tempFolder(t);
  await writeManifest(dataPath, MANIFEST);
  await writeManifest(dataPath, { ...MANIFEST, scope: 'models', status: 'complete' });
  const project = join(dataPath, diskName('ws/p'));
  assert.deepEqual((await readdir(project)).sort(), ['_runs', 'models']);
  assert.deepEqual(await readdir(join(project, 'models', '_runs')), [`${diskName('a/b ü')}.json`]);
  assert.equal((await readManifest(dataPath, 'ws/p', 'a/b ü', 'models'))?.scope, 'models');
  assert.equal((await readManifest(dataPath, 'ws/p', 'a/b ü'))?.scope, undefined);
  assert.equal(await readManifest(dataPath, 'ws/p', 'a/b ü', 'model_versions'), undefined);
});

test('fields of later versions are kept, a later version is refused with a clear word', async (t) => {
  const dataPath = await tempFolder(t);
  const path = manifestPath(join(dataPath, diskName('ws/p')), diskName('a/b ü'));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify(proven({ ...MANIFEST, digest: 'more' })));
  assert.deepEqual(await readManifest(dataPath, 'ws/p', 'a/b ü'), proven({ ...MANIFEST, digest: 'more' }));
  await writeFile(path, JSON.stringify({ ...MANIFEST, version: MANIFEST_VERSION + 1 }));
  await assert.rejects(readManifest(dataPath, 'ws/p', 'a/b ü'), {
    code: 'archive',
    hint: /newer/,
    message: /version 3/,
  });
});

test('a manifest proves itself; one of version 1 had no proof', async () => {
  const text = JSON.stringify(proven(MANIFEST));
  assert.equal(parseManifest(text, '/x.json').runId, MANIFEST.runId);
  const isDamage = { code: 'archive', message: /own hash/ };
  assert.throws(() => parseManifest(text.replace('4000', '4001'), '/x.json'), isDamage);
  assert.throws(() => parseManifest(JSON.stringify(MANIFEST), '/x.json'), isDamage);
  const { exportId: _, ...first } = { ...MANIFEST, version: 1 };
  assert.deepEqual(parseManifest(JSON.stringify(first), '/x.json'), first);
});

/** Each breaks one rule. */
const DAMAGE: [string, (manifest: Record<string, never>) => unknown][] = [
  ['not an object', () => []],
  ['another format', (m) => ({ ...m, format: 'x' })],
  ['version as text', (m) => ({ ...m, version: '1' })],
  ['an unknown status', (m) => ({ ...m, status: 'done' })],
  ['no run id', (m) => ({ ...m, runId: undefined })],
  ['no source', (m) => ({ ...m, source: null })],
  ['an unknown class', (m) => ({ ...m, selection: { ...MANIFEST.selection, classes: ['all'] } })],
  ['no selection', (m) => ({ ...m, selection: { ...MANIFEST.selection, attributes: {} } })],
  ['an unknown scope', (m) => ({ ...m, scope: 'runs' })],
  ['a pattern that is none', (m) => ({ ...m, selection: { ...MANIFEST.selection, excluded: [1] } })],
  ['a limit that is none', (m) => ({ ...m, selection: { ...MANIFEST.selection, maxFileSize: -1 } })],
  ['details that are no texts', (m) => ({ ...m, files: [{ ...MANIFEST.files[0], details: { a: 1 } }] })],
  ['a skipped file without a size', (m) => ({ ...m, skippedFiles: [{ ...MANIFEST.skippedFiles![0], bytes: null }] })],
  [
    'a skipped file of no type',
    (m) => ({ ...m, skippedFiles: [{ ...MANIFEST.skippedFiles![0], attributeType: 'x' }] }),
  ],
  ['parts as an object', (m) => ({ ...m, parts: {} })],
  ['half a row', (m) => ({ ...m, parts: [{ ...MANIFEST.parts[0], rows: 0.5 }] })],
  ['a short hash', (m) => ({ ...m, parts: [{ ...MANIFEST.parts[0], sha256: 'ab' }] })],
  ['a part elsewhere', (m) => ({ ...m, parts: [{ ...MANIFEST.parts[0], name: '../x' }] })],
  ['a part in a folder', (m) => ({ ...m, parts: [{ ...MANIFEST.parts[0], name: 'x/y' }] })],
  ['a file elsewhere', (m) => ({ ...m, files: [{ ...MANIFEST.files[0], path: 'a/../../x' }] })],
  ['an absolute file', (m) => ({ ...m, files: [{ ...MANIFEST.files[0], path: '/etc/passwd' }] })],
  ['a file on a drive', (m) => ({ ...m, files: [{ ...MANIFEST.files[0], path: 'C:x' }] })],
  ['a file with backslashes', (m) => ({ ...m, files: [{ ...MANIFEST.files[0], path: 'a\\..\\b' }] })],
  ['a step without decimals', (m) => ({ ...m, files: [{ ...MANIFEST.files[1], step: '12' }] })],
  ['an unknown type', (m) => ({ ...m, counts: { floats: { attributes: 1, rows: 1 } } })],
  ['a negative count', (m) => ({ ...m, counts: { float: { attributes: -1, rows: 1 } } })],
  ['a failure without words', (m) => ({ ...m, failures: [{ code: 'server', time: 't' }] })],
];

test('a damaged manifest is an error that names the file; the schema refuses it too', async () => {
  const schema = JSON.parse(await readFile(join(import.meta.dirname, '../../schema/manifest.schema.json'), 'utf8'));
  const good = JSON.parse(JSON.stringify(proven(MANIFEST)));
  assert.deepEqual(validate(schema, good), []);
  assert.deepEqual(validate(schema, { ...good, scope: 'model_versions' }), []);
  assert.deepEqual(validate(schema, { ...good, selection: { ...good.selection, attributes: 'all' }, extra: 1 }), []);
  assert.throws(() => parseManifest('{"format":', '/x.json'), { code: 'archive', message: /\/x\.json/ });
  for (const [what, damage] of DAMAGE) {
    const { sha256: _, ...damaged } = damage(good) as Record<string, unknown>;
    // With a hash that fits, so that it is the rule that speaks.
    const text = JSON.stringify(what === 'not an object' ? [] : proven(damaged));
    assert.throws(
      () => parseManifest(text, '/x.json'),
      { code: 'archive', message: /\/x\.json.*(?<!own hash says)\.$/ },
      what,
    );
    assert.notDeepEqual(validate(schema, JSON.parse(text)), [], `the schema takes ${what}`);
  }
});
