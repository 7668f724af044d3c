// Of the suite of targets: loads that are repeated, ended in the middle, killed, or run beside each other. Never two copies.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileHash } from '../../src/targets/file-hash.ts';
import { silentProgress } from '../../src/transfer/progress.ts';
import {
  fileSeries,
  floats,
  histograms,
  line,
  sampleRun,
  scalars,
  strings,
  writeArchive,
} from '../helpers/archive-runs.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { PROJECT, type TargetBench } from './target-bench.ts';
import { fork, small } from './target-data.ts';
import type { TargetSuite } from './target-suite.ts';

/** Requests after which a load is killed. */
const KILLS = [6, 9, 14, 20, 30];

export function againTests(suite: TargetSuite): void {
  const { kit } = suite;

  suite.test(
    'again',
    'a second load skips, a selection loads only that, and a changed run is replaced',
    async (_, bench) => {
      await writeArchive(bench.data, [sampleRun(PROJECT, 'root', []), fork('child', 'root'), fork('other', 'root')]);
      assert.deepEqual(await bench.counts({ runs: ['root'] }), { runs: 1, loaded: 1 });
      assert.deepEqual(await bench.counts({ runs: ['child'] }), { runs: 1, loaded: 1 });
      assert.deepEqual(await bench.counts(), { runs: 3, loaded: 1, skipped: 2 });
      const loaded = await bench.held();
      assert.equal(loaded.get('child')?.parent, 'root', 'loaded by an earlier call');
      assert.deepEqual(await bench.counts(), { runs: 3, skipped: 3 });
      assert.deepEqual(await bench.held(), loaded, 'nothing was touched');

      await writeArchive(bench.data, [sampleRun(PROJECT, 'root', [floats('new', line(3, 1))])]);
      assert.deepEqual(await bench.counts(), { runs: 3, updated: 1, skipped: 2 });
      const replaced = await bench.held();
      assert.deepEqual([replaced.size, replaced.get('root')?.floats.new?.length], [3, 3]);
      for (const fork of ['child', 'other']) assert.equal(replaced.get(fork)?.parent, 'root', 'the new one');
      assert.deepEqual(await bench.counts(), { runs: 3, skipped: 3 });

      await assert.rejects(bench.load({ projects: ['ws/none'] }), { code: 'usage' });
      await assert.rejects(bench.load({ runs: ['none'] }), { code: 'not_found' });
      const some = await bench.load({ runs: ['root', 'none'] });
      assert.deepEqual([some.result.skipped, some.result.failed, some.failures[0]?.runId], [1, 1, 'none']);
    },
  );

  suite.test('prefixes', 'another prefix is another copy', async (_, bench) => {
    await bench.putFile('small.bin', 'small');
    await writeArchive(bench.data, [small('r')]);
    assert.deepEqual(await bench.counts(), { runs: 1, loaded: 1 });
    const beside = bench.beside('more prefixes');
    assert.deepEqual(await beside.counts(), { runs: 1, loaded: 1 });
    assert.equal((await beside.held()).get('r')?.isWhole, true);
  });

  suite.test(
    'foreign',
    'a run of the same name that another program made is left alone, and told',
    async (_, bench) => {
      await bench.putFile('small.bin', 'small');
      await writeArchive(bench.data, [small('r')]);
      const [planned] = (await bench.plan()).runs;
      await kit.makeForeign(suite.url, planned!.group!, planned!.name!);
      assert.equal((await bench.plan()).runs[0]?.state, 'foreign');
      const { result, warnings } = await bench.load();
      assert.deepEqual([result.skipped, result.foreign], [1, 1]);
      assert.match(warnings.join(), /run r: skipped; a run of this name is there that another program made/);
      const held = (await bench.held()).get('r')!;
      assert.deepEqual([held.values, held.floats], [{}, {}]);
    },
  );

  suite.test('replaced', 'a changed run stays as it was until the new one is whole', async (_, bench) => {
    await bench.putFile('small.bin', 'small');
    await writeArchive(bench.data, [small('r', 1)]);
    assert.deepEqual(await bench.counts(), { runs: 1, loaded: 1 });
    const lacking = small('r', 2);
    lacking.batches.push({ kind: 'files', rows: [{ path: 'late', type: 'file', file: 'late.bin' }] });
    await writeArchive(bench.data, [lacking]);
    assert.deepEqual(await bench.counts(), { runs: 1, partial: 1, failed: 1 });
    const both = await bench.copies();
    assert.deepEqual(both.map(({ isWhole, values }) => [isWhole, values.p]).sort(), [
      [false, '2'],
      [true, '1'],
    ]);
    await bench.putFile('late.bin', 'late');
    assert.deepEqual(await bench.counts(), { runs: 1, completed: 1 });
    const held = (await bench.held()).get('r');
    assert.deepEqual([held?.isWhole, held?.values.p], [true, '2']);
    assert.deepEqual(await bench.counts(), { runs: 1, skipped: 1 });
  });

  suite.test('end', 'a load that is killed at its very end leaves no second copy to the next one', async (t, bench) => {
    await bench.putFile('small.bin', 'small');
    const proxy = await startFaultProxy({ url: suite.url, token: '' });
    t.after(() => proxy.close());
    let requests = 0;
    for (const value of [1, 2]) {
      await writeArchive(bench.data, [small('r', value)]);
      const before = proxy.log.length;
      await bench.load({ url: proxy.url });
      requests = proxy.log.length - before;
    }
    // The old copy goes, and the new one is marked, by the last requests of a load that replaces a run.
    for (const [i, fromEnd] of [0, 1, 2].entries()) {
      await writeArchive(bench.data, [small('r', 3 + i)]);
      await loadAndKill(t, bench, requests - fromEnd);
      assert.equal((await bench.load()).result.failed, 0);
      const held = (await bench.held()).get('r');
      assert.deepEqual([held?.isWhole, held?.values.p, held?.floats.m?.length], [true, String(3 + i), 30]);
      assert.deepEqual(await bench.counts(), { runs: 1, skipped: 1 });
    }
  });

  suite.test(
    'killed',
    'a load that is killed again and again ends whole: nothing twice, nothing lost',
    async (t, bench) => {
      const names = ['one', 'two', "it's three"];
      const long = 'x'.repeat(kit.design.longestText + 4000);
      const texts = Array.from({ length: 200 }, (_, i): [string, number, string] => [String(i), i, `line ${i}`]);
      const runs = names.map((name, n) =>
        sampleRun(PROJECT, name, [
          scalars(Array.from({ length: 120 }, (_, i) => ({ path: `p/${i}`, type: 'int', value: BigInt(i * n) }))),
          scalars([{ path: 'long', type: 'string', value: long }]),
          ...Array.from({ length: 4 }, (_, i) => floats(`m/${i}`, line(1300, n + i / 7))),
          floats('odd', [
            ['0', 1, Number.POSITIVE_INFINITY],
            ['1', 2, Number.NaN],
          ]),
          strings('log', texts),
          histograms('h', [['1', 1, { edges: [0, 1], values: [n] }]]),
          fileSeries('img', [['0.5', 1, 'img.png']]),
        ]),
      );
      await writeArchive(bench.data, runs);
      const image = await bench.putFile('img.png', Buffer.alloc(100_000, 1));
      for (const requests of KILLS) await loadAndKill(t, bench, requests);
      const { result, failures } = await bench.load();
      assert.deepEqual(failures, []);
      assert.equal(result.failed, 0);
      assert.ok(result.completed > 0, 'a kill left a half run');
      const held = await bench.held();
      assert.deepEqual([...held.keys()].sort(), names.toSorted());
      for (const [n, name] of names.entries()) {
        const run = held.get(name)!;
        assert.ok(run.isWhole);
        for (let i = 0; i < 120; i++) assert.equal(run.values[`p/${i}`], String(i * n));
        assert.equal(run.values.long, long);
        for (let i = 0; i < 4; i++) {
          const expected = line(1300, n + i / 7).map(([step, time, value]) => ({ step, time, value }));
          assert.deepEqual(
            run.floats[`m/${i}`]?.toSorted((a, b) => Number(a.step) - Number(b.step)),
            expected,
          );
        }
        assert.deepEqual(
          run.texts.log?.map(({ value }) => value),
          texts.map(([, , text]) => text),
        );
        assert.equal(run.histograms.h?.length, 1);
        assert.deepEqual(run.fileSeries.img, [{ step: '0.5', sha256: await fileHash(image) }]);
        assert.equal(run.floats.odd?.length, 2);
      }
      assert.deepEqual(await bench.counts(), { runs: 3, skipped: 3 });
    },
  );

  /** Kills are placed by the number of requests, not by a clock, so that each meets the work under way. */
  async function loadAndKill(t: TestContext, bench: TargetBench, requests: number): Promise<void> {
    let left = requests;
    const onRequest = () => {
      if (--left === 0) child.kill('SIGKILL');
    };
    const proxy = await startFaultProxy({ url: suite.url, token: '' }, { onRequest });
    t.after(() => proxy.close());
    const script = join(import.meta.dirname, 'target-child.ts');
    const child = spawn(process.execPath, [script, kit.module, proxy.url, bench.prefix, bench.data, bench.files], {
      stdio: 'inherit',
      // What a killed load leaves of its temporary files goes with the test's folder.
      env: { ...process.env, TMPDIR: bench.folder },
    });
    await once(child, 'exit');
  }

  suite.test(
    'aborted',
    'an aborted load stops with its reason and leaves what the next one completes',
    async (_, bench) => {
      await writeArchive(bench.data, [sampleRun(PROJECT, 'r', [floats('m', line(12_000, 1))])]);
      const abort = new AbortController();
      let points = 0;
      const progress = {
        ...silentProgress,
        points(count: number) {
          points += count;
          if (points > 4) abort.abort();
        },
      };
      await assert.rejects(bench.load({ signal: abort.signal, progress }), { code: 'interrupted' });
      assert.deepEqual(await bench.counts(), { runs: 1, completed: 1 });
      assert.equal((await bench.held()).get('r')?.floats.m?.length, 12_000);
    },
  );

  suite.test(
    'rivals',
    'of two loads at once none makes a second copy, and what one leaves the next completes',
    async (_, bench) => {
      await bench.putFile('small.bin', 'small');
      await writeArchive(
        bench.data,
        ['a', 'b', 'c'].map((name) => small(name)),
      );
      const both = await Promise.all([bench.load(), bench.load()]);
      // One that gave way to the other says so; nothing else may have happened.
      for (const { failures } of both) {
        for (const { failure } of failures) assert.match(failure.message, /[Aa]nother load/);
      }
      assert.equal((await bench.held()).size, 3);
      assert.equal((await bench.load()).result.failed, 0);
      const held = await bench.held();
      assert.deepEqual(
        [...held.values()].map(({ isWhole, values }) => [isWhole, values.p]),
        Array(3).fill([true, '1']),
      );
      assert.deepEqual(await bench.counts(), { runs: 3, skipped: 3 });
    },
  );
}
