// Files of a run: one artifact a run, versions of changed runs, and images that W&B shows.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { diskName } from '../../src/archive/names.ts';
import type { Batch } from '../../src/model/batches.ts';
import { fileSeries, scalars, writeExported } from '../helpers/archive-runs.ts';
import { JPEG } from '../verify/pictures.ts';
import { codesOf, PROJECT, WandbBench } from './bench.ts';
import type { LoadedRun } from './loaded-run.ts';
import { png } from './pictures.ts';
import { counting, filesRun, run } from './runs.ts';

const T = 1_700_000_000_000;
const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');

interface ImageReference {
  _type: string;
  path?: string;
  filenames?: string[];
  sha256?: string;
  format: string;
  width: number;
  height: number;
  count?: number;
}

/** Hashes of what an image value of the history refers to, all of it files of the run. */
function imagesOf(loaded: LoadedRun, value: unknown): string[] {
  const { path, filenames = [path!] } = value as ImageReference;
  return filenames.map((name) => {
    assert.match(name, /^media\/images\//);
    return loaded.run.files[name]?.sha256 ?? `${name} is missing`;
  });
}

test('files, sets and series are in one artifact, by their names', async (t) => {
  const bench = await WandbBench.create(t);
  const contents = {
    'r/model.bin': Buffer.alloc(3_000_000, 7),
    'r/empty': '',
    'r/größe 100% #1?.txt': 'odd name',
    'r/set/a.txt': 'a',
    'r/set/deep/b.txt': 'b',
    'r/s/0.bin': 'zero',
    'r/s/1.bin': 'one',
  };
  for (const [path, content] of Object.entries(contents)) await bench.putFile(path, content);
  const loaded = await bench.loaded([
    filesRun('R 1', { 'models/best': 'r/model.bin', empty: 'r/empty', odd: 'r/größe 100% #1?.txt' }, [
      { kind: 'files', rows: [{ path: 'source', type: 'file_set', file: 'r/set' }] },
      fileSeries('series', [
        ['0.5', T, 'r/s/0.bin'],
        ['0.75', T + 1, 'r/s/1.bin'],
      ]),
    ]),
  ]);
  assert.equal(loaded.run.artifacts.length, 1);
  assert.match(loaded.own!.name, /^neptune-R-1-[0-9a-f]{8}:v0$/);
  assert.deepEqual(loaded.own!.aliases.toSorted().includes('latest'), true);
  const files = Object.keys(loaded.own!.entries).filter((path) => path.startsWith('files/'));
  assert.deepEqual(
    new Set(files),
    new Set([
      'files/models/best/model.bin',
      'files/empty/empty',
      'files/odd/größe 100% #1?.txt',
      'files/source/a.txt',
      'files/source/deep/b.txt',
      'files/series/step_0.5/0.bin',
      'files/series/step_0.75/1.bin',
    ]),
  );
  assert.deepEqual(loaded.files('source'), {
    'files/source/a.txt': sha256('a'),
    'files/source/deep/b.txt': sha256('b'),
  });
  assert.deepEqual(Object.values(loaded.files('models/best')), [sha256(contents['r/model.bin'])]);
  assert.deepEqual(loaded.run.rows, [], 'no image, no line');
  assert.deepEqual(bench.refusals, []);
});

test('a changed run is the next version of the same artifact; what is the same is not sent again', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.putFile('big.bin', Buffer.alloc(200_000, 1));
  await bench.putFile('small.txt', 'one');
  const version = (value: bigint): Batch => scalars([{ path: 'p', type: 'int', value }]);
  await bench.loaded([filesRun('r', { big: 'big.bin', small: 'small.txt' }, [version(1n)])]);
  const uploads = bench.requests('PUT storage');
  await bench.putFile('small.txt', 'two');
  await bench.write(filesRun('r', { big: 'big.bin', small: 'small.txt' }, [version(2n)]));
  assert.equal((await bench.load()).updated, 1);
  const project = await bench.read();
  const [name] = Object.keys(project.collections);
  assert.deepEqual(Object.keys(project.collections), [name]);
  const { type, versions } = project.collections[name!]!;
  assert.equal(type, 'neptune-run');
  assert.deepEqual(Object.keys(versions).sort(), ['v0', 'v1']);
  assert.ok(versions.v1?.includes('latest'));
  const loaded = await bench.run();
  assert.match(loaded.own!.name, /:v1$/);
  assert.deepEqual(Object.values(loaded.files('small')), [sha256('two')]);
  assert.deepEqual(Object.values(loaded.files('big')), [sha256(Buffer.alloc(200_000, 1))]);
  assert.ok(bench.requests('PUT storage') - uploads < uploads, 'the big one was there');
});

test('a run that changed but for its files has an artifact of its own', async (t) => {
  const bench = await WandbBench.create(t);
  for (const value of [1, 2]) {
    await bench.write(run('r', [counting('m', 0, 3, () => value)]));
    await bench.load();
  }
  const [held] = bench.server.runs();
  const artifacts = [...bench.server.site.store.artifacts.values()].filter(({ state }) => state === 'COMMITTED');
  assert.deepEqual(
    artifacts.map(({ versionIndex, run: by }) => [versionIndex, by?.name === held?.name]),
    [
      [0, false],
      [1, true],
    ],
  );
  assert.equal((await bench.run()).run.artifacts.length, 1);
});

test('names that W&B doesn’t take are changed, told, and found', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.putFile('tab\tname', 'x');
  await bench.putFile(`${'l'.repeat(200)}.txt`, 'long');
  await bench.putFile('.hidden', 'h');
  const paths = { '../up': 'tab\tname', './here': `${'l'.repeat(200)}.txt`, 'x//y': '.hidden', 'a:b': '.hidden' };
  await bench.write(filesRun('r', paths));
  const planned = await bench.plan();
  const report = await bench.load();
  assert.ok((report.alterationsByCode.file_renamed ?? 0) >= 1, JSON.stringify(report.alterationsByCode));
  assert.ok(planned.runs[0]);
  const loaded = await bench.run();
  for (const [path, content] of Object.entries({ '../up': 'x', './here': 'long', 'x//y': 'h', 'a:b': 'h' })) {
    assert.deepEqual(Object.values(loaded.files(path)), [sha256(content)], path);
  }
  const told = JSON.parse(loaded.text('neptune_exporter/alterations.json') ?? '{}') as { alterations: object[] };
  assert.match(JSON.stringify(told), /file_renamed/);
  assert.deepEqual(bench.refusals, []);
});

test('files of attributes that differ only in what their names may hold stay apart', async (t) => {
  const bench = await WandbBench.create(t);
  const contents = ['one', 'two', 'three'];
  for (const [i, content] of contents.entries()) await bench.putFile(`${i}/same.bin`, content);
  const loaded = await bench.loaded([
    filesRun('r', { model: '0/same.bin', MODEL: '1/same.bin', 'model/same.bin': '2/same.bin' }),
  ]);
  for (const [i, path] of ['model', 'MODEL', 'model/same.bin'].entries())
    assert.deepEqual(Object.values(loaded.files(path)), [sha256(contents[i]!)], path);
});

test('images are media: in the line of their step, several of one step together', async (t) => {
  const bench = await WandbBench.create(t);
  const images = { 'a.png': png(4, 3, 1), 'b.png': png(4, 3, 2), 'c.png': png(4, 3, 3), 'd.jpg': JPEG };
  for (const [name, content] of Object.entries(images)) await bench.putFile(`i/${name}`, content);
  await bench.putFile('i/no.png', 'not an image at all');
  const loaded = await bench.loaded([
    filesRun('r', { picture: 'i/d.jpg', 'plots/bad': 'i/no.png' }, [
      counting('m', 0, 5),
      fileSeries('frames', [
        ['1', T + 1000, 'i/a.png'],
        ['3', T + 3000, 'i/b.png'],
        ['3', T + 3000, 'i/c.png'],
        ['4', T + 4000, 'i/no.png'],
      ]),
    ]),
  ]);
  const frames = loaded.run.rows.filter(({ frames: one }) => one !== undefined);
  assert.deepEqual(
    frames.map(({ _step }) => _step),
    [1, 3],
  );
  const [one, both] = frames.map((row) => row.frames as ImageReference);
  assert.partialDeepStrictEqual(one, {
    _type: 'image-file',
    format: 'png',
    width: 4,
    height: 3,
    sha256: sha256(images['a.png']),
  });
  assert.partialDeepStrictEqual(both, { _type: 'images/separated', count: 2, format: 'png', width: 4, height: 3 });
  assert.deepEqual(imagesOf(loaded, one), [sha256(images['a.png'])]);
  assert.deepEqual(imagesOf(loaded, both), [sha256(images['b.png']), sha256(images['c.png'])]);
  const last = loaded.run.rows.at(-1)!;
  assert.partialDeepStrictEqual(last.picture, { _type: 'image-file', width: 9, height: 9 });
  assert.deepEqual(imagesOf(loaded, last.picture), [sha256(images['d.jpg'])]);
  assert.ok(!loaded.run.rows.some((row) => Object.hasOwn(row, 'plots_bad')), 'what is no image is no media');
  assert.deepEqual(Object.values(loaded.files('plots/bad')), [sha256('not an image at all')]);
  assert.deepEqual(
    Object.values(loaded.files('frames')).sort(),
    [sha256(images['a.png']), sha256(images['b.png']), sha256(images['c.png']), sha256('not an image at all')].sort(),
  );
  assert.deepEqual(bench.server.runs()[0]!.unreported, []);
  assert.deepEqual(loaded.run.summary.picture, last.picture);
  assert.deepEqual(loaded.run.summary.frames, both);
  assert.deepEqual(bench.refusals, []);
});

test('an image whose time isn’t that of its line is told', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.putFile('a.png', png(2, 2));
  const frames = fileSeries('frames', [
    ['0', T, 'a.png'],
    ['1', T + 500_000, 'a.png'],
  ]);
  await bench.write(run('r', [frames, counting('m', 0, 3), counting('n', 0, 3)]));
  assert.deepEqual(codesOf(await bench.load()), { timestamp_merged: 1 });
  const kept = (await bench.run()).text('neptune_exporter/file_series.csv.gz');
  assert.match(kept ?? '', /^frames,1,2023-11-14T22:21:40\+00:00,a\.png$/m);
});

test('more images than one value takes are all in the artifact', async (t) => {
  const bench = await WandbBench.create(t);
  const points = Array.from({ length: 120 }, (_, i): [string, number, string] => ['0', T + i, `i/${i}.png`]);
  for (const [i, [, , path]] of points.entries()) await bench.putFile(path, png(2, 2, i));
  const loaded = await bench.loaded([run('r', [fileSeries('many', points)])]);
  assert.equal(Object.keys(loaded.files('many')).length, 120);
  const row = loaded.run.rows.find(({ many }) => many !== undefined)!;
  assert.ok(((row.many as ImageReference).count ?? 0) <= 108);
});

test('the same image at several steps, and a key with slashes', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.putFile('a.png', png(3, 3));
  const loaded = await bench.loaded(
    [
      run('r', [
        fileSeries('val/img', [
          ['0', T, 'a.png'],
          ['1', T + 1, 'a.png'],
        ]),
      ]),
    ],
    ['--wandb-keep-slashes'],
  );
  for (const row of loaded.run.rows) assert.deepEqual(imagesOf(loaded, row['val/img']), [sha256(png(3, 3))]);
  assert.equal(loaded.run.rows.length, 2);
});

test('files of one name at one step, or of one attribute, are all there', async (t) => {
  const bench = await WandbBench.create(t);
  const names = ['x/0.png', 'y/0.png', 'x/1.png', 'y/1.png'];
  for (const [shade, name] of names.entries()) await bench.putFile(name, png(2, 2, shade));
  const series = fileSeries('series', [
    ['0', T, 'x/0.png'],
    ['1', T + 1, 'x/1.png'],
    ['0', T + 2, 'y/0.png'],
    ['1', T + 3, 'y/1.png'],
  ]);
  const rows = ['x/0.png', 'y/0.png'].map((file) => ({ path: 'single', type: 'file' as const, file }));
  await bench.write(run('r', [series, { kind: 'files', rows }]));
  assert.equal(codesOf(await bench.load()).file_renamed, 3);
  const loaded = await bench.run();
  const hashes = (from: string[]) => from.map((name) => sha256(png(2, 2, names.indexOf(name)))).sort();
  assert.deepEqual(Object.values(loaded.files('series')).sort(), hashes(names));
  assert.deepEqual(Object.values(loaded.files('single')).sort(), hashes(['x/0.png', 'y/0.png']));
  const [[, , shown] = []] = loaded.rows('single');
  assert.deepEqual(imagesOf(loaded, shown).sort(), hashes(['x/0.png', 'y/0.png']));
  const { problems } = await bench.verify();
  assert.deepEqual(
    problems.filter(({ code }) => code.startsWith('target_')),
    [],
  );
});

test('links in a folder are followed where the archive tells of the file, and else told', async (t) => {
  const bench = await WandbBench.create(t);
  const place = await bench.putFile('set/0.txt', 'x');
  await bench.putFile('elsewhere.txt', 'y');
  await symlink(join(place, '../../elsewhere.txt'), join(place, '../1.txt'));
  const sample = run('r', [{ kind: 'files', rows: [{ path: 'set', type: 'file_set', file: 'set' }] }]);
  await bench.write(sample);
  assert.equal((await bench.load([], { code: 3 })).partial, 1);
  assert.match(await bench.written(), /1\.txt is a link/);
  const files = [
    ['set/0.txt', 'x'],
    ['set/1.txt', 'y'],
  ].map(([path = '', content = '']) => ({
    attributePath: 'set',
    attributeType: 'file_set' as const,
    path,
    bytes: 1,
    sha256: sha256(content),
  }));
  await writeExported(join(bench.folder, 'data'), sample, { files });
  await bench.load();
  assert.deepEqual(Object.values((await bench.run()).files('set')).sort(), [sha256('x'), sha256('y')].sort());
});

test('a file that is gone is a failure; the run stays unfinished, and the next load completes it', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.putFile('here.txt', 'here');
  await bench.write(filesRun('r', { here: 'here.txt', gone: 'gone.txt' }, [counting('m', 0, 3)]));
  const report = await bench.load([], { code: 3 });
  assert.deepEqual([report.partial, report.failed, report.errors], [1, 1, 1]);
  const half = await bench.run();
  assert.notEqual(half.run.state, 'finished');
  await bench.putFile('gone.txt', 'back again');
  assert.equal((await bench.load()).completed, 1);
  const whole = await bench.run();
  assert.equal(whole.run.state, 'finished');
  assert.deepEqual(Object.values(whole.files('gone')), [sha256('back again')]);
  assert.equal(whole.points('m').length, 4);
  await rm(join(bench.folder, 'files', diskName(PROJECT)), { recursive: true });
  assert.equal((await bench.load()).skipped, 1, 'what is whole needs no file');
});

test('a file that the archive has not is told', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', [{ kind: 'files', rows: [{ path: 'f', type: 'file', file: null }] }]));
  assert.deepEqual(codesOf(await bench.load()), { file_absent: 1 });
});
