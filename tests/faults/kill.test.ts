// Exports that are killed at any moment, on the wire and on the disk, while the data change: nothing is ever mixed, and
// the last export completes everything.

import assert from 'node:assert/strict';
import { watch } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { describe } from 'node:test';
import { attribute, type DemoAttribute, fileOf, seriesOf } from '../../src/demo/dataset.ts';
import { randomFrom } from '../../src/demo/faults.ts';
import type { DemoServer } from '../../src/demo/http-server.ts';
import { attribute2, type DemoAttribute2 } from '../../src/demo/neptune2/dataset.ts';
import { startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';
import { startDemoServer } from '../../src/demo/server.ts';
import { outcome, startCli } from '../helpers/cli.ts';
import { type FaultProxy, type ProxyRule, startFaultProxy } from '../helpers/fault-proxy.ts';
import { tempFolder } from '../helpers/temp.ts';
import { exportInto, leftovers } from './bench.ts';
import { type Content, contentOf, differencesOf } from './compare.ts';
import { bytesOf, data2, data3, PROJECT } from './data.ts';

const RUNS = 12;
/** How long each loop goes on. */
const LOOP_MS = 18_000;
/** Ends of exports after which the server has other data. */
const ENDS_A_VERSION = 4;
const TIME = Date.UTC(2025, 5, 1);

/** The same project after some changes: other points, files with other content, some that are new. */
function dataOf(version: number) {
  const modified = TIME + version * 60_000;
  const added = Array.from({ length: version + 1 }, (_, one) => one);
  const points = seriesOf(Array.from({ length: 500 }, (_, step) => [step, TIME, step * version] as const));
  const content = (index: number) => bytesOf(20_000 + version, index + version * 1000);
  return {
    neptune3: () =>
      data3(RUNS, (index) => [
        ['sys/modification_time', attribute.datetime(modified)],
        ['metrics/loss', { type: 'floatSeries', series: points }],
        [
          'files/model',
          attribute.file(fileOf(`${index}/model-${version}.bin`, 'application/octet-stream', content(index))),
        ],
        ...added.map((one): [string, DemoAttribute] => [
          `files/new-${one}`,
          attribute.file(fileOf(`${index}/new-${one}`, 'text/plain', `${one}`)),
        ]),
      ]),
    neptune2: () =>
      data2(RUNS, (index) => [
        ['sys/modification_time', attribute2.datetime(modified)],
        ['metrics/loss', attribute2.floats(points)],
        ['files/model', attribute2.file('model.bin', content(index))],
        ...added.map((one): [string, DemoAttribute2] => [`files/new-${one}`, attribute2.file('new', `${one}`)]),
      ]),
  };
}

/** Faults that come and go, so that kills also meet tries and pauses. */
function weather(seed: number): ProxyRule[] {
  const rule = (fault: ProxyRule['fault'], probability: number): ProxyRule => ({ fault, probability, seed });
  return [
    rule({ kind: 'status', status: 503 }, 0.02),
    rule({ kind: 'reset' }, 0.01),
    rule({ kind: 'cut' }, 0.02),
    { path: /storage|download|image/, ...rule({ kind: 'short' }, 0.02), when: ({ path }) => !/image/.test(path) },
    rule({ kind: 'latency', ms: 1, jitterMs: 15 }, 0.7),
  ];
}

/** Resolves when a moment comes, by a count of requests or of changes on the disk; or when the process ends first. */
async function moment(
  folder: string,
  proxy: FaultProxy,
  random: () => number,
  ended: Promise<unknown>,
): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const onDisk = random() < 0.6;
  const count = 1 + Math.floor(random() ** 2 * (onDisk ? 400 : 250));
  const stop = new AbortController();
  if (onDisk) {
    let changes = 0;
    const watcher = watch(folder, { recursive: true, signal: stop.signal }, () => ++changes >= count && resolve());
    watcher.on('error', () => {});
  } else {
    const target = proxy.log.length + count;
    const timer = setInterval(() => proxy.log.length >= target && resolve(), 1);
    stop.signal.addEventListener('abort', () => clearInterval(timer));
  }
  await Promise.race([promise, ended]);
  stop.abort();
  return `${count} ${onDisk ? 'changes on disk' : 'requests'}`;
}

/** Rows of each run that is there; what its files hold is judged at the end. */
function byRun(content: Content): Map<string, Content> {
  const runs = new Map<string, Content>();
  for (const [key, value] of content) {
    const run = key.slice(0, key.indexOf('|'));
    runs.set(run, (runs.get(run) ?? new Map()).set(key, value));
  }
  return runs;
}

// They wait most of the time.
describe('both Neptunes', { concurrency: true }, () => {
  for (const name of ['neptune3', 'neptune2'] as const) {
    test(`${name}: killed and interrupted at any moment, an archive is never mixed and is completed by the last export`, {
      timeout: 120_000,
    }, async (t) => {
      const seed = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 2 ** 31));
      const random = randomFrom(seed);
      const says = (text: string) => `${text} (KILL_SEED=${seed})`;
      const versions: Map<string, Content>[] = [];
      const server = (
        name === 'neptune3'
          ? await startDemoServer({ data: dataOf(0).neptune3() })
          : await startNeptune2DemoServer({ data: dataOf(0).neptune2() })
      ) as DemoServer<unknown>;
      t.after(() => server.close());
      const change = async () => {
        server.replaceData(dataOf(versions.length)[name]());
        const folder = await tempFolder(t);
        assert.equal((await exportInto({ name, token: plain.token, folder })).code, 0);
        versions.push(byRun(await contentOf(folder, { files: false })));
      };
      const plain = await startFaultProxy(server);
      t.after(() => plain.close());
      const proxy = await startFaultProxy(server, { rules: weather(seed) });
      t.after(() => proxy.close());
      const folder = await tempFolder(t);
      await mkdir(join(folder, 'data'));
      const args = [
        'export',
        '--exporter',
        name,
        '-p',
        PROJECT,
        '-d',
        'data',
        '-f',
        'files',
        '--no-progress',
        '--refresh',
      ];
      const options = { cwd: folder, env: { NEPTUNE_API_TOKEN: proxy.token } };
      const until = performance.now() + LOOP_MS;
      const ends: string[] = [];
      for (let end = 0; performance.now() < until; end++) {
        if (end % ENDS_A_VERSION === 0) await change();
        const child = startCli(args, options);
        const ended = outcome(child);
        const at = await moment(folder, proxy, random, ended);
        const signal = end % 3 === 2 ? 'SIGINT' : 'SIGKILL';
        const asked = performance.now();
        const running = child.exitCode === null;
        child.kill(signal);
        const { code, stderr } = await ended;
        ends.push(`${signal} after ${at}: ${code}`);
        if (running && signal === 'SIGINT' && code !== null && code !== 0) {
          // It may also have come before the program listens.
          assert.equal(code, 130, says(`${ends.at(-1)}\n${stderr}`));
          assert.match(stderr, /Interrupted before everything was done/, says(at));
          assert.match(stderr, /Run the same command again/, says(at));
          assert.ok(performance.now() - asked < 5000, says('an interrupt takes too long'));
        } else if (signal === 'SIGKILL' && code !== null) assert.equal(code, 0, says(`${ends.at(-1)}\n${stderr}`));
        for (const [run, rows] of byRun(await contentOf(folder, { files: false }))) {
          const isOne = versions.some((version) => differencesOf(rows, version.get(run) ?? new Map()).length === 0);
          assert.ok(isOne, says(`${run} is no version's, after ${ends.join(', ')}`));
        }
      }
      t.diagnostic(`${ends.length} ends, ${versions.length} versions, seed ${seed}`);
      proxy.replaceRules([]);
      const last = await outcome(startCli(args, options));
      assert.equal(last.code, 0, says(last.stderr));
      const clean = await tempFolder(t);
      assert.equal((await exportInto({ name, token: plain.token, folder: clean })).code, 0);
      assert.deepEqual(differencesOf(await contentOf(folder), await contentOf(clean)), [], says(ends.join(', ')));
      assert.deepEqual(await leftovers(folder), [], says(ends.join(', ')));
    });
  }
});
