// Of the suite of targets: everything that a run has arrives, under its own name, and below its parent.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { floats, sampleRun, scalars, strings, writeArchive } from '../helpers/archive-runs.ts';
import { PROJECT } from './target-bench.ts';
import {
  everything,
  FILES,
  FLOATS,
  fork,
  HISTOGRAMS,
  heldFloats,
  heldPoints,
  heldStep,
  IMAGES,
  sorted,
  TEXTS,
  VALUES,
} from './target-data.ts';
import type { HeldHistogram } from './target-kit.ts';
import type { TargetSuite } from './target-suite.ts';

/** Paths that are odd, and alike. */
const PATHS = [
  'a:b',
  'a_b',
  'a;b',
  'A_b',
  'a/b',
  'a/b/c',
  'größe',
  'gr__e',
  'x//y',
  '/x',
  'tab\there',
  '日本/😀',
  `${'long/'.repeat(60)}a`,
  `${'long/'.repeat(60)}b`,
  'end/',
  ' blanks / around ',
  '...',
  '../up',
  '__proto__',
  'constructor',
];

export function contentTests(suite: TargetSuite): void {
  const { design } = suite.kit;
  const hash = (content: Buffer) => createHash('sha256').update(content).digest('hex');

  suite.test(
    'all',
    'values, points, texts, histograms and files of every type arrive as they are',
    async (_, bench) => {
      for (const { files } of Object.values(FILES)) {
        for (const [path, content] of Object.entries(files)) await bench.putFile(path, content);
      }
      for (const [, , path] of IMAGES) await bench.putFile(path, path);
      await writeArchive(bench.data, [everything('R')]);
      const { result, failures } = await bench.load();
      assert.deepEqual(failures, []);
      assert.equal(result.loaded, 1);
      const held = (await bench.held()).get('R')!;
      assert.ok(held.isWhole);
      for (const row of VALUES) assert.equal(held.values[row.path], design.text(row), row.path);
      assert.equal(held.values['sys/custom_run_id'], 'R');

      const types = await wholeSteps(suite);
      for (const [path, points] of Object.entries(FLOATS)) {
        const expected = heldFloats(points, { isWhole: types.has('float_series'), design });
        assert.deepEqual(sorted(held.floats[path]), expected, path);
      }
      for (const [path, points] of Object.entries(held.originals)) {
        const exact = heldPoints(FLOATS[path]!, (value) => value, { type: 'float_series', isWhole: false, design });
        assert.deepEqual(points, exact, `${path}, kept whole`);
      }
      for (const [path, points] of Object.entries(TEXTS)) {
        const expected = heldPoints(points, (text) => text, {
          type: 'string_series',
          isWhole: types.has('string_series'),
          design,
        });
        assert.deepEqual(held.texts[path], expected, path);
      }
      for (const [path, points] of Object.entries(HISTOGRAMS)) {
        const value = (given: { edges: number[]; values: number[] }): HeldHistogram => ({ type: 'COUNTING', ...given });
        const isWhole = types.has('histogram_series');
        assert.deepEqual(
          held.histograms[path],
          heldPoints(points, value, { type: 'histogram_series', isWhole, design }),
          path,
        );
      }
      const expected = Object.entries(FILES).map(([path, { files }]) => [path, Object.values(files).map(hash).sort()]);
      assert.deepEqual(held.files, Object.fromEntries(expected));
      const isWhole = types.has('file_series');
      const images = IMAGES.map(([step, , path]) => `${heldStep(step, 1n, isWhole)} ${hash(Buffer.from(path))}`);
      assert.deepEqual(held.fileSeries.imgs?.map(({ step, sha256 }) => `${step} ${sha256}`).sort(), images.sort());

      const special = Object.entries(design.codes).filter(([kind]) => kind !== 'untimed');
      for (const [kind, code] of special) {
        assert.equal(result.alterationsByCode[code], kind === 'infinity' ? 2 : 1, `${code} is told`);
      }
      assert.equal(result.alterationsByCode.points_merged ?? 0, design.mergesEqualPoints ? 1 : 0);
    },
  );

  suite.test(
    'untimed',
    'points without a time, as Neptune 2 has them, arrive; what becomes of the time is told',
    async (_, bench) => {
      await writeArchive(bench.data, [
        sampleRun(PROJECT, 'r', [
          floats('m', [
            ['0', null, 1],
            ['1', null, 2],
          ]),
          strings('s', [['0', null, 'x']]),
        ]),
      ]);
      const { result } = await bench.load();
      assert.equal(result.loaded, 1);
      const { floats: m, texts } = (await bench.held()).get('r')!;
      assert.deepEqual(
        sorted(m.m).map(({ time }) => time),
        [design.untimed('float_series'), design.untimed('float_series')],
      );
      assert.deepEqual(
        texts.s?.map(({ time }) => time),
        [design.untimed('string_series')],
      );
      if (design.codes.untimed) assert.equal(result.alterationsByCode[design.codes.untimed], 2);
    },
  );

  suite.test('names', 'attributes that would share a name all survive, and their paths are found', async (_, bench) => {
    const paths = [...PATHS, ...design.colliding];
    await writeArchive(bench.data, [
      sampleRun(PROJECT, 'r', [
        scalars(paths.map((path, i) => ({ path, type: 'int', value: BigInt(i) }))),
        ...paths.map((path, i) => floats(`${path}@`, [['0', 1, i + 0.5]])),
        ...paths.map((path, i) => strings(`${path}!`, [['0', 1, `text ${i}`]])),
      ]),
    ]);
    const { result, failures } = await bench.load();
    assert.deepEqual(failures, []);
    const held = (await bench.held()).get('r')!;
    for (const [i, path] of paths.entries()) {
      assert.equal(held.values[path], String(i), path);
      assert.deepEqual(
        held.floats[`${path}@`]?.map(({ value }) => value),
        [i + 0.5],
        path,
      );
      assert.deepEqual(
        held.texts[`${path}!`]?.map(({ value }) => value),
        [`text ${i}`],
        path,
      );
    }
    assert.ok((result.alterationsByCode.key_collision ?? 0) > 0);
  });

  suite.test('forks', 'children name their parents, however deep; a circle is broken', async (_, bench) => {
    const runs = [
      fork('great', 'grand'),
      fork('grand', 'child'),
      fork('child', 'root'),
      sampleRun(PROJECT, 'root', []),
    ];
    await writeArchive(bench.data, [...runs, fork('hen', 'egg'), fork('egg', 'hen'), fork('orphan', 'nobody')]);
    const { result, warnings } = await bench.load();
    assert.equal(result.loaded, 7);
    assert.equal(warnings.filter((text) => text.includes('lead back')).length, 1);
    const held = await bench.held();
    const parentOf = (name: string) => held.get(name)?.parent;
    const parents = ['root', 'child', 'grand', 'great', 'orphan'].map(parentOf);
    assert.deepEqual(parents, [undefined, 'root', 'child', 'grand', undefined]);
    assert.equal([parentOf('hen'), parentOf('egg')].filter((name) => name !== undefined).length, 1);
  });
}

async function wholeSteps({ kit, url }: TargetSuite) {
  const target = await kit.target(url, 'any');
  await target.close();
  return target.wholeSteps;
}
