// Of the suite of targets: archives that lack something. What is there is loaded, what is not is told, and the run isn't whole.

import assert from 'node:assert/strict';
import { access, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { diskName, partName } from '../../src/archive/names.ts';
import type { Failure } from '../../src/model/errors.ts';
import { fileHash } from '../../src/targets/file-hash.ts';
import {
  fileSeries,
  floats,
  line,
  type SampleRun,
  sampleRun,
  scalars,
  writeArchive,
  writeExported,
} from '../helpers/archive-runs.ts';
import { type Loaded, PROJECT, type TargetBench } from './target-bench.ts';
import { fork } from './target-data.ts';
import type { TargetSuite } from './target-suite.ts';

const partOf = (bench: TargetBench, runId: string, part: number) =>
  join(bench.data, diskName(PROJECT), partName(diskName(runId), part));

const withFile = (file: string | null): SampleRun =>
  sampleRun(PROJECT, 'r', [{ kind: 'files', rows: [{ path: 'model', type: 'file', file }] }]);

const failureOf = (code: Failure['code'], message: string): Failure => ({
  attributePath: 'model',
  code,
  message,
  time: '2026-01-01T00:00:00.000Z',
});

/** What was altered, by code; which names a service takes is another matter. */
function codesOf({ result }: Loaded): Record<string, number> {
  return Object.fromEntries(Object.entries(result.alterationsByCode).filter(([code]) => code !== 'renamed'));
}

export function lackingTests(suite: TargetSuite): void {
  suite.test(
    'damage',
    'a missing file and a damaged part are told; the runs are not whole until the next load',
    async (_, bench) => {
      const lacking = sampleRun(PROJECT, 'lacking', [
        { kind: 'files', rows: [{ path: 'model', type: 'file', file: 'a/model.bin' }] },
      ]);
      const damaged = sampleRun(PROJECT, 'damaged', [
        scalars([{ path: 'p', type: 'string', value: 'v' }]),
        ...[0, 1, 2].map((n) => floats('one', line(9000, 0.37).slice(n * 3000, n * 3000 + 3000))),
        floats('two', line(2000, 0.91)),
      ]);
      await writeArchive(bench.data, [lacking]);
      await writeArchive(bench.data, [damaged], 8000);
      const part = partOf(bench, 'damaged', 1);
      const whole = await readFile(part);
      await access(partOf(bench, 'damaged', 2));
      await truncate(part, whole.length - 100);

      const { result, failures } = await bench.load();
      assert.deepEqual([result.failed, result.partial, result.loaded], [2, 2, 0]);
      const messages = failures.map(({ runId, failure }) => `${runId} ${failure.attributePath}: ${failure.message}`);
      assert.match(messages.sort().join('\n'), /damaged undefined: .*_part_1\.parquet.*lacking model: .*model\.bin/s);
      const half = (await bench.held()).get('damaged')!;
      assert.deepEqual([half.isWhole, half.values.p], [false, 'v'], 'what can be read is there');
      assert.equal(half.floats.two?.length, 2000, 'also what lies behind the damage');
      assert.ok((half.floats.one?.length ?? 0) < 9000);
      assert.equal((await bench.held()).get('lacking')?.isWhole, false);

      await writeFile(part, whole);
      const model = await bench.putFile('a/model.bin', 'weights');
      assert.deepEqual(await bench.counts(), { runs: 2, completed: 2 });
      const held = await bench.held();
      assert.equal(held.get('damaged')?.floats.one?.length, 9000);
      assert.deepEqual(held.get('lacking')?.files.model, [await fileHash(model)]);
      assert.ok([...held.values()].every(({ isWhole }) => isWhole));
    },
  );

  suite.test(
    'flipped',
    'nothing is loaded of parts that are not what was exported, nor one run twice; children wait',
    async (_, bench) => {
      const values = line(3000, 0).map(([step, time], i): [string, number, number] => [step, time, Math.sin(i)]);
      await writeExported(bench.data, sampleRun(PROJECT, 'r', [floats('m', values)]));
      await writeArchive(bench.data, [fork('child', 'r')]);
      const part = partOf(bench, 'r', 0);
      const whole = await readFile(part);
      const flipped = Buffer.from(whole);
      flipped[whole.length >> 1]! ^= 1;
      await writeFile(part, flipped);
      const { result, failures } = await bench.load();
      assert.deepEqual([result.failed, result.partial, result.loaded], [2, 0, 0]);
      const messages = failures.map(({ runId, failure }) => `${runId}: ${failure.message}`).sort();
      assert.match(messages[0] ?? '', /^child: Its parent run r could not be loaded/);
      assert.match(messages[1] ?? '', /^r: .*is not what was exported/);
      assert.equal((await bench.held()).size, 0);

      await writeFile(part, whole);
      await writeFile(partOf(bench, 'r again', 0), whole);
      const twice = await bench.load();
      assert.deepEqual([twice.result.loaded, twice.result.failed], [2, 1]);
      assert.match(twice.failures[0]?.failure.message ?? '', /hold the run r once more/);
      const held = await bench.held();
      assert.equal(held.get('r')?.floats.m?.length, 3000);
      assert.equal(held.get('child')?.parent, 'r');
    },
  );

  suite.test(
    'partial',
    'a run that the archive has in part is told, and completed once the export has the rest',
    async (_, bench) => {
      const failures = [failureOf('server', 'HTTP 500.')];
      await writeExported(bench.data, withFile(null), { status: 'partial', failures });
      const first = await bench.load();
      assert.deepEqual([first.result.partial, first.result.failed, codesOf(first)], [1, 1, {}]);
      assert.deepEqual(
        first.failures.map(({ runId, failure: { attributePath, message } }) => [runId, attributePath, message]),
        [['r', 'model', 'The archive has it not or not whole, export the run again: HTTP 500.']],
      );
      assert.equal((await bench.held()).get('r')?.isWhole, false);

      const file = { attributePath: 'model', attributeType: 'file' as const, path: 'model.bin', bytes: 7 };
      const source = await bench.putFile('model.bin', 'weights');
      await writeExported(bench.data, withFile('model.bin'), { files: [{ ...file, sha256: await fileHash(source) }] });
      for (const [content, message] of [
        ['weigh', /damaged: it has 5 bytes, exported were 7/],
        ['wEights', /damaged: its content is not/],
      ] as const) {
        await bench.putFile('model.bin', content);
        const damaged = await bench.load();
        assert.equal(damaged.result.partial, 1);
        assert.match(damaged.failures.map(({ failure }) => failure.message).join(), message);
        const held = (await bench.held()).get('r');
        assert.deepEqual([held?.isWhole, held?.files.model], [false, undefined]);
      }
      await bench.putFile('model.bin', 'weights');
      assert.deepEqual(await bench.counts(), { runs: 1, completed: 1 });
      const held = (await bench.held()).get('r');
      assert.deepEqual([held?.isWhole, held?.files.model], [true, [await fileHash(source)]]);
    },
  );

  suite.test(
    'accepted',
    'a partial run that was accepted as it is counts as whole, and what it lacks is told',
    async (_, bench) => {
      const failures = [failureOf('not_found', 'HTTP 404.')];
      const accepted = '2026-01-02T00:00:00.000Z';
      await writeExported(bench.data, withFile(null), { status: 'partial', failures, accepted });
      const first = await bench.load();
      assert.deepEqual([first.result.loaded, first.result.failed, first.failures], [1, 0, []]);
      assert.deepEqual(codesOf(first), { not_exported: 1 });
      assert.equal((await bench.held()).get('r')?.isWhole, true);
      assert.deepEqual(await bench.counts(), { runs: 1, skipped: 1 });
    },
  );

  suite.test(
    'left out',
    'files that the export left out are told; a set has what was exported, no more and no less',
    async (_, bench) => {
      const contents = { 'R-1/code/code.zip': 'PK', 'R-1/data/files_list.json': '[]', 'R-1/i/0.png': 'cat' };
      const files = [];
      for (const [path, content] of Object.entries(contents)) {
        const sha256 = await fileHash(await bench.putFile(path, content));
        files.push({
          attributePath: path.split('/')[1]!,
          attributeType: 'file_set' as const,
          path,
          bytes: content.length,
          sha256,
        });
      }
      // Not of the export: nobody vouches for it.
      await bench.putFile('R-1/code/other.txt', 'x');
      const rows = [
        { path: 'code', type: 'file_set' as const, file: 'R-1/code' },
        { path: 'data', type: 'artifact' as const, file: 'R-1/data/files_list.json' },
        { path: 'big', type: 'file' as const, file: null },
        { path: 'unknown', type: 'file' as const, file: null },
      ];
      const points = fileSeries('i', [
        ['0', null, 'R-1/i/0.png'],
        ['1', null, null],
      ]);
      await writeExported(bench.data, sampleRun(PROJECT, 'R-1', [{ kind: 'files', rows }, points]), {
        files,
        skippedFiles: [
          { attributePath: 'big', attributeType: 'file', bytes: 1 << 30 },
          { attributePath: 'i', attributeType: 'file_series', step: '1.000000', bytes: 1 << 30 },
        ],
      });
      await rm(join(bench.files, diskName(PROJECT), 'R-1/code/code.zip'));
      const first = await bench.load();
      assert.deepEqual(
        first.failures.map(({ failure: { attributePath, code } }) => [attributePath, code]),
        [['code', 'not_found']],
      );
      await bench.putFile('R-1/code/code.zip', 'PK');
      const second = await bench.load();
      assert.deepEqual([second.result.completed, second.failures], [1, []]);
      assert.deepEqual(codesOf(second), { file_left_out: 2, file_absent: 1 });
      const held = (await bench.held()).get('R-1')!;
      const [code, data, image] = files.map(({ sha256 }) => sha256);
      assert.deepEqual(held.files, { code: [code], data: [data] });
      assert.deepEqual(held.fileSeries, { i: [{ step: '0', sha256: image }] });
      assert.equal(held.isWhole, true);
    },
  );

  suite.test('outside', 'a file that an archive names outside its folder is never read', async (_, bench) => {
    await writeFile(join(bench.folder, 'secret.txt'), 'secret');
    const rows = ['../../secret.txt', join(bench.folder, 'secret.txt')].map((file, i) => ({
      path: `f${i}`,
      type: 'file' as const,
      file,
    }));
    await writeArchive(bench.data, [sampleRun(PROJECT, 'r', [{ kind: 'files', rows }])]);
    const { result, failures } = await bench.load();
    assert.equal(result.partial, 1);
    assert.deepEqual(
      failures.map(({ failure: { attributePath, code } }) => [attributePath, code]),
      [
        ['f0', 'archive'],
        ['f1', 'archive'],
      ],
    );
    const held = (await bench.held()).get('r')!;
    assert.deepEqual([held.isWhole, held.files], [false, {}]);
  });
}
