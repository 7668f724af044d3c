// What the transfer makes of Neptune 2: files named by their answers, files left out, models beside runs, listings that end early.

import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { journalPath } from '../../src/archive/find-run.ts';
import { readManifest } from '../../src/archive/manifest.ts';
import { diskName } from '../../src/archive/names.ts';
import { openArchive, readBatches } from '../../src/archive/reader.ts';
import { summarise } from '../../src/archive/summary.ts';
import { EXPORT_CLASSES } from '../../src/model/attributes.ts';
import { ExporterError, type Failure } from '../../src/model/errors.ts';
import type { RunFilter, Selection } from '../../src/model/runs.ts';
import { exportRuns } from '../../src/transfer/export.ts';
import { exportModels } from '../../src/transfer/export-models.ts';
import { type PlainRow, plainRows } from '../archive/rows.ts';
import { tempFolder } from '../helpers/temp.ts';
import { type FakeFile, type FakeSource, fakeSource } from './fake-source.ts';

interface Asked {
  projects?: string[];
  filter?: Partial<RunFilter>;
  selection?: Partial<Selection>;
}

/** An archive in a folder of its own, and exports from a source into it. */
async function bench(t: TestContext, source: FakeSource) {
  const folder = await tempFolder(t);
  const [dataPath, filesPath] = [join(folder, 'data'), join(folder, 'files')];
  const failures: (Failure & { project: string; run: string })[] = [];
  const warnings: string[] = [];
  const options = ({ projects = ['w/p'], filter, selection }: Asked) => ({
    source,
    projects,
    filter: { includeArchived: false, ...filter },
    selection: {
      attributes: { kind: 'all' as const },
      classes: new Set(EXPORT_CLASSES),
      includePreviews: false,
      ...selection,
    },
    dataPath,
    filesPath,
    writtenBy: 'test',
    errors: { record: (project: string, run: string, failure: Failure) => failures.push({ project, run, ...failure }) },
    logger: { debug() {}, info() {}, error() {}, warn: (text: string) => warnings.push(text) },
  });
  return {
    dataPath,
    filesPath,
    projectFiles: join(filesPath, diskName('w/p')),
    failures,
    warnings,
    runs: (asked: Asked = {}) => exportRuns(options(asked)),
    models: (asked: Asked = {}) => exportModels(options(asked)),
    manifest: async (runId: string) => (await readManifest(dataPath, 'w/p', runId))!,
  };
}

async function rowsOf(dataPath: string, runId: string): Promise<PlainRow[]> {
  const archive = await openArchive(dataPath);
  const rows: PlainRow[] = [];
  for (const project of archive.projects()) {
    for await (const run of archive.runs(project)) {
      if (run.runId === runId) for await (const batch of readBatches(run)) rows.push(...plainRows(batch));
    }
  }
  return rows;
}

const FILES: FakeFile[] = [
  { attributePath: 'model/best', type: 'file', content: 'weights', size: 7 },
  { attributePath: 'source_code/files', type: 'file_set', content: 'PK..', name: 'files.zip', size: 9000 },
  { attributePath: 'data', type: 'artifact', content: '[]' },
  { attributePath: 'images', type: 'file_series', step: 0, content: 'a cat', name: '0.png', details: { name: 'cat' } },
  { attributePath: 'images', type: 'file_series', step: 1, content: 'a dog', name: '1.jpeg', later: { type: 'x/y' } },
  { attributePath: 'images/final', type: 'file', content: 'last' },
];

test('every kind of file lies at its official place, and its row says where', async (t) => {
  const source = fakeSource('neptune2', { 'w/p': { runs: { 'P-1': { files: FILES } } } });
  const { runs, manifest, dataPath, filesPath, projectFiles } = await bench(t, source);
  const result = await runs();
  assert.deepEqual([result.exported, result.partial, result.files, result.bytes], [1, 0, 6, 27]);
  const rows = (await rowsOf(dataPath, 'P-1')).filter(({ path }) => path !== 'sys/id');
  assert.deepEqual(
    rows.sort((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1)),
    [
      { path: 'data', type: 'artifact', file: 'w/p/P-1/data/files_list.json' },
      { path: 'images', type: 'file_series', step: '0', file: 'w/p/P-1/images/0.png' },
      { path: 'images', type: 'file_series', step: '1000000', file: 'w/p/P-1/images/1.jpeg' },
      { path: 'images/final', type: 'file', file: 'w/p/P-1/images/final' },
      { path: 'model/best', type: 'file', file: 'w/p/P-1/model/best' },
      { path: 'source_code/files', type: 'file_set', file: 'w/p/P-1/source_code/files' },
    ],
  );
  const { files, status, skippedFiles } = await manifest('P-1');
  assert.deepEqual([status, skippedFiles], ['complete', undefined]);
  assert.deepEqual(
    files.map(({ path, details }) => [path?.slice('w/p/P-1/'.length), details]),
    [
      ['data/files_list.json', undefined],
      ['images/0.png', { name: 'cat' }],
      ['images/1.jpeg', { type: 'x/y' }],
      ['images/final', undefined],
      ['model/best', undefined],
      ['source_code/files/files.zip', undefined],
    ],
  );
  for (const { path, bytes } of files) assert.equal((await readFile(join(projectFiles, path!))).length, bytes);
  const { totals } = await summarise(await openArchive(dataPath), { filesPath });
  assert.deepEqual([totals.files.count, totals.files.bytes, totals.files.damaged], [6, 27, 0]);
});

test('a point with a time beside points without one keeps it', async (t) => {
  const files: FakeFile[] = [0, 1].map((step) => ({
    attributePath: 's',
    type: 'file_series',
    step,
    name: `${step}.x`,
    ...(step === 1 ? { timestamp: 1_700_000_000_000n } : {}),
  }));
  const source = fakeSource('neptune2', { 'w/p': { runs: { 'P-1': { files } } } });
  const { runs, dataPath } = await bench(t, source);
  await runs();
  const points = (await rowsOf(dataPath, 'P-1')).filter(({ path }) => path === 's');
  assert.deepEqual(
    points.map(({ timestamp }) => timestamp),
    [undefined, '1700000000000'],
  );
});

test('the next export of a partial run takes over what is there, also files named by their answers', async (t) => {
  const lost = new ExporterError('not_found', 'The server has no such file.');
  const source = fakeSource('neptune2', {
    'w/p': { runs: { 'P-1': { files: [...FILES, { attributePath: 'lost', type: 'file', fails: lost }] } } },
  });
  const { runs, manifest, dataPath, projectFiles } = await bench(t, source);
  assert.deepEqual([(await runs()).partial, (await manifest('P-1')).status], [1, 'partial']);
  const before = (await manifest('P-1')).files;
  // One of them is gone from the disk meanwhile.
  await rm(join(projectFiles, 'w/p/P-1/images/1.jpeg'));
  source.downloads.length = 0;
  source.projects['w/p']!.runs!['P-1']!.files = [...FILES, { attributePath: 'lost', type: 'file', content: 'x' }];
  assert.deepEqual([(await runs()).partial, (await manifest('P-1')).status], [0, 'complete']);
  assert.deepEqual(source.downloads.sort(), ['P-1 images 1', 'P-1 lost']);
  const after = (await manifest('P-1')).files.filter(({ attributePath }) => attributePath !== 'lost');
  assert.deepEqual(after, before);
  await assert.rejects(readFile(journalPath(dataPath, 'w/p', 'P-1')), { code: 'ENOENT' });
});

test('a partial run whose file changed is replaced as a whole, though it fails again', async (t) => {
  const lost = new ExporterError('not_found', 'The server has no such file.');
  const files = (content: string): FakeFile[] => [
    { attributePath: 'checkpoint', type: 'file', content },
    { attributePath: 'lost', type: 'file', fails: lost },
  ];
  const source = fakeSource('neptune2', { 'w/p': { runs: { 'P-1': { files: files('old'), modifiedAt: 1 } } } });
  const { runs, manifest, dataPath, filesPath } = await bench(t, source);
  assert.deepEqual([(await runs()).partial, (await manifest('P-1')).status], [1, 'partial']);
  source.projects['w/p']!.runs!['P-1'] = { files: files('newer'), modifiedAt: 2 };
  const again = await runs();
  assert.deepEqual([again.exported, again.partial, again.keptPartial], [1, 1, 0]);
  const { modifiedAt, files: there } = await manifest('P-1');
  assert.deepEqual([modifiedAt, there.map(({ bytes }) => bytes)], [2, [5]]);
  const { totals } = await summarise(await openArchive(dataPath), { filesPath });
  assert.equal(totals.files.damaged, 0);
});

test('a run whose files are lost is exported anew; one that changed at the source is told', async (t) => {
  const source = fakeSource('neptune2', {
    'w/p': { runs: { 'P-1': { files: FILES, modifiedAt: 1 }, 'P-2': { modifiedAt: 1 } } },
  });
  const { runs, projectFiles, warnings } = await bench(t, source);
  await runs();
  await rm(join(projectFiles, 'w/p/P-1/images/1.jpeg'));
  source.projects['w/p']!.runs!['P-2']!.modifiedAt = 2;
  source.downloads.length = 0;
  const again = await runs();
  assert.deepEqual([again.exported, again.skipped, again.changed], [1, 1, 1]);
  assert.ok(source.downloads.includes('P-1 images 1'));
  assert.match(warnings.join('\n'), /^Changed at the source since they were exported: 1 of the runs\. --refresh/m);
  assert.match(warnings.join('\n'), /^Exported anew: 1 of the runs\./m);
  assert.deepEqual((await runs()).exported, 0);
});

test('files over the limit are left out by choice: by the size that the source tells, or that the answer does', async (t) => {
  const files: FakeFile[] = [
    { attributePath: 'small', type: 'file', content: 'x'.repeat(10) },
    { attributePath: 'told', type: 'file', content: 'x'.repeat(11), size: 11 },
    { attributePath: 'untold', type: 'file', content: 'x'.repeat(12) },
    { attributePath: 'set', type: 'file_set', content: 'zip', size: 11, name: 'set.zip' },
    { attributePath: 's', type: 'file_series', step: 0, content: 'x'.repeat(13), name: '0.png' },
    { attributePath: 's', type: 'file_series', step: 1, content: 'y', name: '1.png' },
  ];
  const source = fakeSource('neptune2', { 'w/p': { runs: { 'P-1': { files } } } });
  const { runs, manifest, dataPath, filesPath, failures, warnings } = await bench(t, source);
  const result = await runs({ selection: { maxFileSize: 10 } });
  assert.deepEqual([result.exported, result.partial, result.failed], [1, 0, 0]);
  assert.deepEqual([result.files, result.skippedFiles, result.skippedBytes], [2, 4, 11 + 12 + 11 + 13]);
  assert.ok(!source.downloads.some((one) => /told$|set/.test(one) && !one.includes('untold')));
  const { status, skippedFiles, selection } = await manifest('P-1');
  assert.deepEqual([status, selection.maxFileSize, failures], ['complete', 10, []]);
  assert.deepEqual(skippedFiles, [
    { attributePath: 's', attributeType: 'file_series', step: '0.000000', bytes: 13 },
    { attributePath: 'set', attributeType: 'file_set', bytes: 11 },
    { attributePath: 'told', attributeType: 'file', bytes: 11 },
    { attributePath: 'untold', attributeType: 'file', bytes: 12 },
  ]);
  const rows = await rowsOf(dataPath, 'P-1');
  assert.deepEqual(
    rows
      .filter(({ path, file }) => path !== 'sys/id' && file === undefined)
      .map(({ path }) => path)
      .sort(),
    ['s', 'set', 'told', 'untold'],
  );
  const { totals } = await summarise(await openArchive(dataPath), { filesPath });
  const { count, missing, skipped, skippedBytes } = totals.files;
  assert.deepEqual([count, missing, skipped, skippedBytes], [2, 0, 4, 47]);

  // Whoever asks for no more than is there hears nothing.
  for (const maxFileSize of [10, 5]) assert.equal((await runs({ selection: { maxFileSize } })).skipped, 1);
  await runs({ selection: { classes: new Set(['parameters']) } });
  assert.deepEqual(warnings, []);
  // Whoever asks for more gets it.
  for (const [maxFileSize, left] of [
    [11, 2],
    [undefined, 0],
  ] as const) {
    const wider = await runs({ selection: maxFileSize === undefined ? {} : { maxFileSize } });
    assert.deepEqual([wider.exported, wider.skippedFiles], [1, left]);
  }
  assert.deepEqual(warnings, []);
});

test('exclusions are recorded, and a later export without them is told of them', async (t) => {
  const source = fakeSource('neptune2', { 'w/p': { runs: { 'P-1': {}, 'P-2': { lost: ['x'] } } } });
  const { runs, manifest, warnings } = await bench(t, source);
  await runs({ selection: { excluded: ['monitoring/.*', 'a', 'a'] } });
  assert.deepEqual((await manifest('P-1')).selection.excluded, ['a', 'monitoring/.*']);
  await runs({ selection: { excluded: ['a', 'b', 'monitoring/.*'] } });
  // The partial run is left as it is: one that leaves out more would take something away.
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0]!,
    /^Partial, and left as they are: 1 of the runs\. They were exported with a wider selection/,
  );
  assert.equal((await runs({ selection: { excluded: ['a'] } })).exported, 2);
  assert.equal(warnings.length, 1);
  // That one was wide enough for the partial run, though it failed at the same attribute.
  assert.deepEqual((await manifest('P-2')).selection.excluded, ['a']);
  const other = await runs({ selection: { excluded: ['b'] } });
  assert.deepEqual([other.narrower, other.keptPartial, other.exported], [1, 1, 0]);
  assert.match(warnings[1]!, /^Skipped: 1 of the runs\. .*--exclude-attributes/);
  await runs({ selection: { excluded: ['a'], maxFileSize: 5 } });
  assert.match(warnings.at(-1)!, /wider selection/);
});

test('ids that no project has are told', async (t) => {
  const source = fakeSource('neptune2', { 'w/p': { runs: { 'P-1': {} } }, 'w/q': { runs: { 'Q-1': {}, 'Q-2': {} } } });
  const { runs, failures } = await bench(t, source);
  const result = await runs({ projects: ['w/p', 'w/q'], filter: { ids: ['P-1', 'Q-2', 'Q-3'] } });
  assert.deepEqual([result.runs, result.exported, result.failed], [2, 2, 1]);
  assert.deepEqual(
    failures.map(({ project, run, code }) => [project, run, code]),
    [['', 'Q-3', 'not_found']],
  );
  assert.match(failures[0]!.message, /^No run 'Q-3' was found in any of the 2 projects: it is not there/);
  const one = await runs({ filter: { ids: ['P-9'] } });
  assert.deepEqual([one.runs, one.failed, failures[1]?.project, failures[1]?.run], [0, 1, 'w/p', 'P-9']);
  source.listingEnds.set('w/p runs', new ExporterError('server', 'It failed.'));
  await runs({ projects: ['w/p', 'w/q'], filter: { ids: ['Q-1', 'Q-3'] } });
  assert.match(failures.at(-1)!.message, /^No run 'Q-3' .*: not all could be listed\.$/);
});

test('a listing that ends too early is told, and what it brought is exported', async (t) => {
  const source = fakeSource('neptune2', { 'w/p': { runs: { 'P-1': {}, 'P-2': {} } }, 'w/q': { runs: {} } });
  const { runs, manifest, failures } = await bench(t, source);
  const short = new ExporterError('bad_answer', 'The server counts 3 runs and gave 2.');
  source.listingEnds.set('w/p runs', short);
  const result = await runs();
  assert.deepEqual([result.runs, result.exported, result.failed], [2, 2, 1]);
  assert.deepEqual(
    failures.map(({ project, run, message }) => [project, run, message]),
    [['w/p', '', short.message]],
  );
  assert.equal((await manifest('P-2')).status, 'complete');
  // With nothing to go on with, or another error, the project as a whole has failed.
  source.listingEnds.set('w/q runs', short);
  await assert.rejects(runs({ projects: ['w/q'] }), short);
  source.listingEnds.set('w/p runs', new ExporterError('server', 'It failed.'));
  assert.equal((await runs({ projects: ['w/q', 'w/p'] })).failed, 2);
});

test('a model, a version and a run of one id live beside each other in one folder', async (t) => {
  const files = (content: string): FakeFile[] => [{ attributePath: 'f', type: 'file', content }];
  const source = fakeSource('neptune2', {
    'w/p': {
      runs: { 'P-1': { files: files('run') } },
      models: { 'P-1': { files: files('model') }, 'P-M': {} },
      model_versions: { 'P-1-1': { files: files('version') }, 'P-M-1': {}, 'P-X-1': {} },
    },
  });
  const { runs, models, dataPath, filesPath, projectFiles } = await bench(t, source);
  await runs();
  const result = await models();
  assert.deepEqual([result.models.runs, result.models.exported], [2, 2]);
  assert.deepEqual([result.versions.runs, result.versions.exported], [2, 2]);
  const project = join(dataPath, diskName('w/p'));
  const part = (id: string) => `${diskName(id)}_part_0.parquet`;
  assert.deepEqual((await readdir(project)).sort(), [part('P-1'), '_runs', 'model_versions', 'models'].sort());
  assert.deepEqual((await readdir(join(project, 'models'))).sort(), [part('P-1'), part('P-M'), '_runs'].sort());
  assert.deepEqual((await readdir(join(project, 'models', '_runs'))).sort(), [
    `${diskName('P-1')}.json`,
    `${diskName('P-M')}.json`,
  ]);
  for (const [path, content] of [
    ['w/p/P-1/f', 'run'],
    ['models/P-1/f', 'model'],
    ['model_versions/P-1-1/f', 'version'],
  ]) {
    assert.equal(await readFile(join(projectFiles, path!), 'utf8'), content);
  }
  for (const [scope, ids] of [
    [undefined, ['P-1']],
    ['models', ['P-1', 'P-M']],
    ['model_versions', ['P-1-1', 'P-M-1']],
  ] as const) {
    const archive = await openArchive(dataPath, scope === undefined ? {} : { scope });
    const found: string[] = [];
    for (const one of archive.projects()) {
      assert.deepEqual([one.projectId, one.scope], ['w/p', scope]);
      for await (const run of archive.runs(one)) {
        assert.deepEqual([run.scope, run.manifest?.scope], [scope, scope]);
        found.push(run.runId);
      }
    }
    assert.deepEqual(found.sort(), ids);
    const { totals } = await summarise(archive, { filesPath });
    assert.deepEqual([totals.runs, totals.files.count, totals.files.damaged], [ids.length, 1, 0]);
  }
});

test('new versions of a model that is there already are exported', async (t) => {
  const source = fakeSource('neptune2', { 'w/p': { models: { 'P-M': {} }, model_versions: { 'P-M-1': {} } } });
  const { models } = await bench(t, source);
  await models();
  source.projects['w/p']!.model_versions!['P-M-2'] = {};
  const { models: first, versions } = await models();
  assert.deepEqual([first.exported, first.skipped], [0, 1]);
  assert.deepEqual([versions.exported, versions.skipped], [1, 1]);
});

test('a failing listing of versions leaves the models as they are; Neptune 3 has none', async (t) => {
  const source = fakeSource('neptune2', { 'w/p': { models: { 'P-M': {} }, model_versions: { 'P-M-1': {} } } });
  const { models, failures, dataPath } = await bench(t, source);
  source.listingEnds.set('w/p model_versions', new ExporterError('server', 'It failed.'));
  const result = await models();
  assert.deepEqual([result.models.exported, result.models.failed, result.versions.failed], [1, 0, 1]);
  assert.deepEqual(
    failures.map(({ project, run, code }) => [project, run, code]),
    [['w/p', '', 'server']],
  );
  assert.equal((await openArchive(dataPath, { scope: 'models' })).projects().length, 1);
  await assert.rejects(openArchive(dataPath), { code: 'archive', message: /not an archive of runs/ });
  await assert.rejects(openArchive(dataPath, { scope: 'model_versions' }), { code: 'archive' });
  const { registry: _, ...neptune3 } = fakeSource('neptune3', {});
  const other = await bench(t, neptune3);
  await assert.rejects(other.models(), { code: 'unsupported', message: /no model registry/ });
});

test('an interrupted or damaged model is told apart by its own folder', async (t) => {
  const source = fakeSource('neptune2', { 'w/p': { runs: { 'P-1': {} }, models: { 'P-1': {} } } });
  const { runs, models, dataPath } = await bench(t, source);
  await runs();
  await models();
  const manifest = join(dataPath, diskName('w/p'), 'models', '_runs', `${diskName('P-1')}.json`);
  const text = await readFile(manifest, 'utf8');
  // A manifest of a run in the place of a model's is another's.
  await writeFile(manifest, text.replace('"scope": "models",', ''));
  const damaged = await summarise(await openArchive(dataPath, { scope: 'models' }));
  assert.deepEqual([damaged.totals.runs, damaged.totals.damagedRuns], [0, 1]);
  await rm(manifest);
  await writeFile(journalPath(dataPath, 'w/p', 'P-1', 'models'), '');
  const half = await summarise(await openArchive(dataPath, { scope: 'models' }));
  assert.deepEqual([half.totals.runs, half.totals.interruptedRuns], [1, 1]);
  assert.equal((await summarise(await openArchive(dataPath))).totals.interruptedRuns, 0);
  const again = await models();
  assert.deepEqual([again.models.exported, again.models.skipped], [1, 0]);
});
