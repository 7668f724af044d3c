// One suite that every source passes: whatever its server holds is in the archive, whatever the network does.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import type { FaultRule } from '../../src/demo/faults.ts';
import { assertExit, type Bench } from '../export/harness.ts';
import { runCli, startCli } from '../helpers/cli.ts';
import type { SourceKit } from './kit.ts';

const MENDED: [name: string, fault: FaultRule['fault']][] = [
  ['503', { kind: 'status', status: 503 }],
  ['429 with seconds', { kind: 'status', status: 429, retryAfter: 1 }],
  ['429 with a date', { kind: 'status', status: 429, retryAfter: 1, asDate: true }],
  ['a cut connection', { kind: 'cut' }],
  ['half a body that calls itself whole', { kind: 'short' }],
];

interface Report {
  runs: number;
  exported: number;
  skipped: number;
  partial: number;
  failed: number;
  points: number;
  files: number;
  skippedFiles: number;
}

const total = (counts: ReadonlyMap<string, number>) => [...counts.values()].reduce((sum, count) => sum + count, 0);

async function reported(bench: Pick<Bench, 'exportAll'>, code: number, ...more: string[]): Promise<Report> {
  const result = await bench.exportAll('--json', ...more);
  assertExit(result, code);
  return JSON.parse(result.stdout) as Report;
}

/** What the error report holds, each line an object. */
async function errorLines(folder: string): Promise<Record<string, string>[]> {
  const text = await readFile(join(folder, 'neptune_exporter_errors.jsonl'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, string>);
}

/** Registers the tests of one source. */
export function sourceSuite<Data extends { projects: { path: string }[] }>(kit: SourceKit<Data>): void {
  const named = (name: string) => `${kit.name}: ${name}`;

  test(named('the sample project arrives whole, and a second export does nothing'), async (t) => {
    const bench = await kit.bench(t, kit.sample());
    const first = await reported(bench, 0);
    assert.ok(first.exported > 5);
    assert.equal(await bench.differences(), '');
    const before = total(bench.server.counts);
    const again = await reported(bench, 0);
    assert.deepEqual([again.exported, again.skipped, again.points], [0, first.exported, 0]);
    assert.ok(total(bench.server.counts) - before <= kit.idleRequests, 'a skipped run costs no request');
  });

  test(named('odd names, values, steps and runs arrive unharmed; what can not is named'), async (t) => {
    const bench = await kit.bench(t, kit.odd());
    await reported(bench, 3);
    assert.equal(await bench.differences(), '');
    const lines = await errorLines(bench.folder);
    const failures = lines.map(({ run_id, attribute_path, code }) => `${run_id}, ${attribute_path}, ${code}`);
    assert.deepEqual(failures.sort(), kit.oddFailures);
  });

  test(named('archived and trashed runs come only when asked for'), async (t) => {
    const bench = await kit.bench(t, kit.odd());
    await reported(bench, 3, '--include-archived-runs');
    assert.equal(await bench.differences('--archived'), '');
  });

  test(named('a project without runs is no error'), async (t) => {
    const { folder, env } = await kit.bench(t, kit.odd());
    const result = await runCli(['export', '-p', kit.emptyProject, '--no-progress'], { cwd: folder, env });
    assertExit(result, 0);
    assert.match(result.stderr, /no runs/i);
  });

  for (const [name, fault] of MENDED) {
    test(named(`${name}, once at every kind of request, is mended`), async (t) => {
      const routes = kit.routes.filter(([, path]) => fault.kind !== 'short' || !kit.unmeasured.includes(path));
      const faults = routes.map(([, path]): FaultRule => ({ path, fault, times: 1 }));
      const bench = await kit.bench(t, kit.small(), { faults });
      await reported(bench, 0);
      assert.equal(await bench.differences(), '');
    });
  }

  test(named('garbage instead of an answer is mended'), async (t) => {
    const faults = kit.parsed.map((path): FaultRule => ({ path, fault: { kind: 'garbage' }, times: 1 }));
    const bench = await kit.bench(t, kit.small(), { faults });
    await reported(bench, 0);
    assert.equal(await bench.differences(), '');
  });

  test(named('tokens that are revoked again and again are renewed'), async (t) => {
    const faults: FaultRule[] = [
      { path: kit.floatSeries, fault: { kind: 'revokeTokens' }, times: 2 },
      { path: kit.attributes, fault: { kind: 'revokeTokens', refreshTokensToo: true }, times: 1 },
    ];
    const bench = await kit.bench(t, kit.small(), { faults, tokenSeconds: 35 });
    await reported(bench, 0);
    assert.equal(await bench.differences(), '');
  });

  test(named('series that the server refuses are named; everything else arrives'), async (t) => {
    const data = kit.small();
    const faults: FaultRule[] = [{ path: kit.floatSeries, fault: { kind: 'status', status: 400 } }];
    const bench = await kit.bench(t, data, { faults });
    const report = await reported(bench, 3);
    assert.equal(report.partial, report.exported);
    const lines = await errorLines(bench.folder);
    assert.ok(lines.every(({ attribute_type }) => attribute_type === 'float_series'));
    const lost = kit.smallFloatSeries(data).sort();
    assert.deepEqual(lines.map(({ attribute_path }) => attribute_path!).sort(), lost);
    assert.equal((await bench.differences()).split('\n').length, lost.length);
  });

  test(named('what fails for ever is given up after --retry-seconds, and holds up nothing else'), async (t) => {
    const data = kit.small();
    const faults: FaultRule[] = [{ path: kit.floatSeries, fault: { kind: 'status', status: 503 } }];
    const bench = await kit.bench(t, data, { faults });
    await reported(bench, 3, '--retry-seconds', '1');
    const lines = await errorLines(bench.folder);
    const lost = kit.smallFloatSeries(data).sort();
    assert.deepEqual(lines.map(({ attribute_path }) => attribute_path!).sort(), lost);
    assert.equal((await bench.differences()).split('\n').length, lost.length);
  });

  test(named('what failed is fetched by the next export'), async (t) => {
    const faults: FaultRule[] = [{ path: kit.floatSeries, fault: { kind: 'status', status: 400 } }];
    const bench = await kit.bench(t, kit.small(), { faults });
    await reported(bench, 3);
    const downloads = kit.downloads(bench.server.counts);
    bench.server.replaceFaults([]);
    const report = await reported(bench, 0);
    assert.deepEqual([report.partial, report.failed], [0, 0]);
    assert.equal(await bench.differences(), '');
    assert.equal(kit.downloads(bench.server.counts), downloads, 'files that are there do not come again');
  });

  test(named('an export that is killed again and again ends whole'), async (t) => {
    const { folder, args, env, exportAll, differences, server } = await kit.bench(t, kit.sample(), {
      faults: [{ path: /./, fault: { kind: 'latency', ms: 15 } }],
    });
    // Kills are placed by the server's count of answers, not by a clock, so that each meets the work under way.
    let random = 12345;
    for (let kill = 0; kill < 8; kill++) {
      random = (random * 1103515245 + 12345) % 2147483648;
      const answers = total(server.counts) + 5 + (random % 120);
      const child = startCli(args, { cwd: folder, env });
      child.stdout.resume();
      child.stderr.resume();
      const ended = once(child, 'close');
      while (total(server.counts) < answers && child.exitCode === null)
        await new Promise((resolve) => setTimeout(resolve, 2));
      child.kill('SIGKILL');
      await ended;
    }
    assertExit(await exportAll(), 0);
    assert.equal(await differences(), '');
    const left = (await readdir(folder, { recursive: true })).filter((name) => /\.(tmp|download|jsonl)$/.test(name));
    assert.deepEqual(left, []);
    assert.ok((await readdir(join(folder, 'data'))).length > 0);
  });

  test(named('runs of a list are looked up; one that is not there is told'), async (t) => {
    const bench = await kit.bench(t, kit.small());
    const [first] = kit.smallRuns;
    await writeFile(join(bench.folder, 'ids.txt'), `${first}\n\n${first}\r\nNO-SUCH-RUN\n`);
    const report = await reported(bench, 3, '--runs-file', 'ids.txt');
    assert.deepEqual([report.exported, report.failed], [1, 1]);
    const lines = await errorLines(bench.folder);
    assert.deepEqual(
      lines.map(({ run_id, code }) => [run_id, code]),
      [['NO-SUCH-RUN', 'not_found']],
    );
  });

  test(named('runs are chosen by time, attributes left out by regex, files by size'), async (t) => {
    const bench = await kit.bench(t, kit.small());
    const all = kit.smallRuns.length;
    assert.equal((await reported(bench, 0, '--created-before', '2000-01-01')).runs, 0);
    assert.equal((await reported(bench, 0, '--modified-after', '2100-01-01')).runs, 0);
    const chosen = await reported(
      bench,
      0,
      ...['--created-after', '2000-01-01', '--modified-before', '2100-01-01'],
      ...['--exclude-attributes', '^sys/', '--exclude-attributes', '.*', '-d', 'nothing', '-f', 'no-files'],
    );
    assert.deepEqual([chosen.runs, chosen.points, chosen.files], [all, 0, 0]);
    const small = await reported(bench, 0, '--max-file-size', '0', '-c', 'files');
    assert.equal(small.files, 0);
    assert.ok(small.skippedFiles > 0);
    assert.deepEqual(await errorLines(bench.folder), []);
  });

  test(named('a wrong token, a project that is not there and no server each get one sentence'), async (t) => {
    const { folder, env, args } = await kit.bench(t, kit.small());
    const wrong = Buffer.from(
      JSON.stringify({ ...JSON.parse(Buffer.from(env.NEPTUNE_API_TOKEN!, 'base64').toString()), api_key: 'wrong' }),
    ).toString('base64');
    const refused = await runCli(args, { cwd: folder, env: { NEPTUNE_API_TOKEN: wrong } });
    assertExit(refused, 1);
    assert.match(refused.stderr, /refuses the API token/);
    assert.ok(!refused.stderr.includes(wrong));
    const missing = await runCli([...args, '-p', 'no-such/project'], { cwd: folder, env });
    assert.match(missing.stderr, /no-such\/project/);
    assert.notEqual(missing.code, 0);
    for (const { stderr } of [refused, missing]) assert.doesNotMatch(stderr, /^\s+at /m);
  });
}
