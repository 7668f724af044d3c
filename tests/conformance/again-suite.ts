// One suite that every source passes: exports into an archive that is there already bring it up to date, complete it, or leave it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import type { Manifest } from '../../src/archive/types.ts';
import type { FaultRule } from '../../src/demo/faults.ts';
import { assertExit, type Bench } from '../export/harness.ts';
import { outcome, runCli, startCli } from '../helpers/cli.ts';
import { withChangedRun } from './changed.ts';
import type { SourceKit } from './kit.ts';

interface Report {
  runs: number;
  exported: number;
  skipped: number;
  partial: number;
  keptPartial: number;
  keptOld: number;
  accepted: number;
  replaced: number;
  failed: number;
  changed: number;
}

const total = (counts: ReadonlyMap<string, number>) => [...counts.values()].reduce((sum, count) => sum + count, 0);

async function reported(bench: Pick<Bench, 'exportAll'>, code: number, ...more: string[]): Promise<Report> {
  const result = await bench.exportAll('--json', ...more);
  assertExit(result, code);
  return JSON.parse(result.stdout) as Report;
}

/** What an export leaves when it ends early; nothing of it may be there after one that ended well. */
async function leftovers(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => /\.(tmp|download|downloads\.jsonl|next)$|_staged|_lock/.test(name));
}

async function manifests(folder: string): Promise<Manifest[]> {
  const names = await readdir(join(folder, 'data'), { recursive: true });
  const texts = names
    .filter((name) => name.endsWith('.json'))
    .map((name) => readFile(join(folder, 'data', name), 'utf8'));
  return (await Promise.all(texts)).map((text) => JSON.parse(text) as Manifest);
}

/** Registers the tests of one source. */
export function againSuite<
  Data extends { projects: { path: string; runs: { attributes: ReadonlyMap<string, unknown> }[] }[] },
>(kit: SourceKit<Data>): void {
  const named = (name: string) => `${kit.name}: ${name}`;

  test(named('--refresh brings exactly the runs up to date that changed'), async (t) => {
    const before = kit.sample();
    const after = withChangedRun(before);
    const bench = await kit.bench(t, before);
    const { runs } = await reported(bench, 0);
    bench.server.replaceData(after);
    const asked = await bench.exportAll('--json');
    assertExit(asked, 0);
    const told = JSON.parse(asked.stdout) as Report;
    assert.deepEqual([told.exported, told.skipped, told.changed], [0, runs, 1]);
    assert.match(asked.stderr, /Changed at the source since they were exported: 1 of the runs\. --refresh/);
    assert.equal(await bench.differences(), '', 'without --refresh the old run stays as it was');
    const first = await manifests(bench.folder);
    const report = await reported(bench, 0, '--refresh');
    assert.deepEqual([report.exported, report.replaced, report.skipped, report.changed], [1, 1, runs - 1, 0]);
    await bench.expect(after);
    assert.equal(await bench.differences(), '');
    const second = await manifests(bench.folder);
    const ids = new Set(first.map(({ exportId }) => exportId));
    assert.equal(second.filter(({ exportId }) => !ids.has(exportId)).length, 1, 'the others were not touched');
    assert.deepEqual(await leftovers(bench.folder), []);
    assert.deepEqual((await reported(bench, 0, '--refresh')).exported, 0);
  });

  test(named('a refresh that fails leaves the run as it was, and the next one goes on'), async (t) => {
    const before = kit.small();
    const after = withChangedRun(before);
    const bench = await kit.bench(t, before);
    await reported(bench, 0);
    bench.server.replaceData(after);
    bench.server.replaceFaults([{ path: kit.floatSeries, fault: { kind: 'status', status: 400 } }]);
    const report = await reported(bench, 3, '--refresh');
    assert.deepEqual([report.exported, report.keptOld, report.partial], [0, 1, 0]);
    assert.equal(await bench.differences(), '');
    bench.server.replaceFaults([]);
    assert.equal((await reported(bench, 0, '--refresh')).replaced, 1);
    await bench.expect(after);
    assert.equal(await bench.differences(), '');
    assert.deepEqual(await leftovers(bench.folder), []);
  });

  test(named('a refresh that is killed again and again ends whole'), async (t) => {
    const before = kit.small();
    const after = withChangedRun(before);
    const bench = await kit.bench(t, before);
    await reported(bench, 0);
    bench.server.replaceData(after);
    bench.server.replaceFaults([{ path: /./, fault: { kind: 'latency', ms: 10 } }]);
    for (let kill = 0; kill < 6; kill++) {
      const answers = total(bench.server.counts) + 3 + kill * 4;
      const child = startCli([...bench.args, '--refresh'], { cwd: bench.folder, env: bench.env });
      child.stdout.resume();
      child.stderr.resume();
      const ended = once(child, 'close');
      while (total(bench.server.counts) < answers && child.exitCode === null)
        await new Promise((resolve) => setTimeout(resolve, 2));
      child.kill('SIGKILL');
      await ended;
    }
    bench.server.replaceFaults([]);
    await reported(bench, 0, '--refresh');
    await bench.expect(after);
    assert.equal(await bench.differences(), '');
    assert.deepEqual(await leftovers(bench.folder), []);
  });

  test(named('a partial run gets only what it lacks'), async (t) => {
    const faults: FaultRule[] = [{ path: kit.floatSeries, fault: { kind: 'status', status: 400 } }];
    const bench = await kit.bench(t, kit.small(), { faults });
    const { partial } = await reported(bench, 3);
    assert.ok(partial > 0);
    const before = new Map(bench.server.counts);
    bench.server.replaceFaults([]);
    const report = await reported(bench, 0);
    assert.deepEqual([report.exported, report.partial, report.failed], [partial, 0, 0]);
    assert.equal(await bench.differences(), '');
    const asked = [...bench.server.counts].filter(([key, count]) => count > (before.get(key) ?? 0)).map(([key]) => key);
    for (const operation of kit.otherContent) {
      assert.ok(!asked.some((key) => key.startsWith(operation)), `${operation} was asked again: ${asked}`);
    }
    for (const { status, failures } of await manifests(bench.folder)) {
      assert.deepEqual([status, failures], ['complete', []]);
    }
    assert.deepEqual(await leftovers(bench.folder), []);
  });

  test(named('--accept-partial keeps a run as it is; without it the run is tried again'), async (t) => {
    const faults: FaultRule[] = [{ path: kit.floatSeries, fault: { kind: 'status', status: 400 } }];
    const bench = await kit.bench(t, kit.small(), { faults });
    const { partial, runs } = await reported(bench, 3);
    const before = total(bench.server.counts);
    const kept = await reported(bench, 0, '--accept-partial');
    assert.deepEqual([kept.accepted, kept.skipped, kept.partial, kept.exported], [partial, runs, 0, 0]);
    assert.ok(total(bench.server.counts) - before <= kit.idleRequests);
    assert.equal((await manifests(bench.folder)).filter(({ accepted }) => accepted !== undefined).length, partial);
    bench.server.replaceFaults([]);
    assert.deepEqual((await reported(bench, 0)).exported, partial);
    assert.equal(await bench.differences(), '');
    assert.ok((await manifests(bench.folder)).every(({ accepted }) => accepted === undefined));
  });

  test(named('a second export into the same folder is told, and the first one goes on'), async (t) => {
    const bench = await kit.bench(t, kit.small(), { faults: [{ path: /./, fault: { kind: 'latency', ms: 400 } }] });
    const first = startCli(bench.args, { cwd: bench.folder, env: bench.env });
    const ended = outcome(first);
    // It holds the lock before it lists anything.
    while (!(await leftovers(bench.folder)).some((name) => name.endsWith('_lock')))
      await new Promise((resolve) => setTimeout(resolve, 5));
    const second = await bench.exportAll();
    assertExit(second, 1);
    assert.match(second.stderr, /^error: Another export is writing to .*data\.\nhint: Wait until it has ended/m);
    const elsewhere = ['-d', 'other-data', '-f', 'files'];
    assertExit(await runCli([...bench.args, ...elsewhere], { cwd: bench.folder, env: bench.env }), 1);
    assertExit(await ended, 0);
    assert.equal(await bench.differences(), '');
    assert.deepEqual(await leftovers(bench.folder), []);
  });

  test(named('verify --source finds what the server has and the archive lacks'), async (t) => {
    const data = kit.sample();
    const bench = await kit.bench(t, data);
    const { runs } = await reported(bench, 0);
    const verify = async (code: number) => {
      const args = [
        'verify',
        '-d',
        'data',
        '-f',
        'files',
        '--source',
        '--exporter',
        kit.name,
        '--json',
        '--no-progress',
      ];
      const result = await runCli(args, { cwd: bench.folder, env: bench.env });
      assertExit(result, code);
      return JSON.parse(result.stdout) as {
        problems: { code: string; attributePath?: string; message: string }[];
        notes: { code: string; count: number }[];
        source: { compared: number; rows: number };
      };
    };
    const same = await verify(0);
    const counted = (notes: { code: string; count: number }[]) => notes.map(({ code, count }) => `${code} ${count}`);
    assert.deepEqual([same.problems, counted(same.notes), same.source.compared], [[], ['source_archived 1'], runs]);
    assert.ok(same.source.rows > 1000);

    bench.server.replaceData(withChangedRun(data));
    const changed = await verify(3);
    assert.deepEqual(
      [changed.problems.map(({ code }) => code), changed.source.compared],
      [['source_changed'], runs - 1],
    );

    bench.server.replaceData(withChangedRun(data, { tellsTime: false }));
    const { problems } = await verify(3);
    assert.deepEqual(problems.map(({ code }) => code).sort(), ['source_attribute_gone', 'source_points']);
    const [, had = 0, has = 0] =
      /has (\d+) of float_series, the archive (\d+)/.exec(
        problems.find(({ code }) => code === 'source_points')!.message,
      ) ?? [];
    assert.equal(Number(had) - Number(has), 3);

    const [project, ...others] = data.projects;
    const without = { ...data, projects: [{ ...project!, runs: project!.runs.slice(1) }, ...others] } as Data;
    bench.server.replaceData(without);
    const gone = await verify(0);
    assert.deepEqual(counted(gone.notes), ['source_gone 1', 'source_archived 1']);

    const fresh = await kit.bench(t, without);
    await reported(fresh, 0);
    fresh.server.replaceData(data);
    const args = ['verify', '-d', 'data', '-f', 'files', '--source', '--exporter', kit.name, '--no-progress'];
    const missing = await runCli(args, { cwd: fresh.folder, env: fresh.env });
    assertExit(missing, 3);
    assert.match(missing.stdout, /The source has this run, the archive lacks it\./);
    const refused = await runCli(args, { cwd: fresh.folder });
    assertExit(refused, 1);
    assert.match(refused.stderr, /token/i);
  });
}
