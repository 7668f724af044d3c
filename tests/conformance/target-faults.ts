// Of the suite of targets: servers that are busy, broken, gone or wrong, and what must never be said.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { writeArchive } from '../helpers/archive-runs.ts';
import {
  type FaultProxy,
  type LoggedRequest,
  type ProxyFault,
  type ProxyRule,
  startFaultProxy,
} from '../helpers/fault-proxy.ts';
import type { TargetBench } from './target-bench.ts';
import { small } from './target-data.ts';
import type { TargetSuite } from './target-suite.ts';

/** What passes: the first requests of each kind meet it. `headersOnly`: the server did it, but its answer is lost. */
const ONCE: Record<string, ProxyFault[]> = {
  'a 503, and then an answer that is lost,': [{ kind: 'status', status: 503 }, { kind: 'headersOnly' }],
  'a broken connection': [{ kind: 'reset' }],
};

export function faultTests(suite: TargetSuite): void {
  const { kit } = suite;

  async function proxied(t: TestContext, rules: ProxyRule[], onRequest?: (path: string) => void): Promise<FaultProxy> {
    const proxy = await startFaultProxy(
      { url: suite.url, token: '' },
      { rules, onRequest: ({ path }) => onRequest?.(path) },
    );
    t.after(() => proxy.close());
    return proxy;
  }

  async function prepare(bench: TargetBench): Promise<void> {
    await bench.putFile('small.bin', 'small');
    await writeArchive(bench.data, [small('r')]);
  }

  async function assertWhole(bench: TargetBench): Promise<void> {
    const held = await bench.held();
    const run = held.get('r');
    assert.deepEqual([held.size, run?.isWhole, run?.values.p], [1, true, '1']);
    assert.deepEqual([run?.floats.m?.length, run?.texts.s?.length, run?.files.f?.length], [30, 1, 1]);
  }

  for (const [name, faults] of Object.entries(ONCE)) {
    suite.test(
      `once ${faults[0]?.kind}`,
      `${name} for the first requests of each kind: nothing fails, nothing is there twice`,
      async (t, bench) => {
        await prepare(bench);
        const rules = faults.flatMap((fault) =>
          Object.values(kit.routes.all).map((path): ProxyRule => ({ path, fault, times: 1 })),
        );
        const proxy = await proxied(t, rules);
        assert.deepEqual((await bench.load({ url: proxy.url })).failures, []);
        const met = proxy.log.filter((request) => request.fault !== undefined).length;
        assert.equal(met, rules.length, 'every kind of request was met');
        await assertWhole(bench);
        assert.deepEqual(await bench.counts(), { runs: 1, skipped: 1 });
      },
    );
  }

  suite.test('busy', 'a rate limit is heeded: nobody asks before its time, and nothing fails', async (t, bench) => {
    await prepare(bench);
    const { run, points, file } = kit.routes;
    const fault: ProxyFault = { kind: 'status', status: 429, retryAfter: () => '1' };
    const came: { at: number; isRefused: boolean; request: string }[] = [];
    const rules = [run, points, file].map((path): ProxyRule => ({ path, fault, times: 1 }));
    const onRequest = ({ method, target, body, fault: met }: LoggedRequest) =>
      void came.push({ at: performance.now(), isRefused: met !== undefined, request: `${method} ${target} ${body}` });
    const proxy = await startFaultProxy({ url: suite.url, token: '' }, { rules, onRequest });
    t.after(() => proxy.close());
    assert.deepEqual((await bench.load({ url: proxy.url })).failures, []);
    await assertWhole(bench);
    const refused = came.filter(({ isRefused }) => isRefused);
    assert.equal(refused.length, 3);
    for (const { at, request } of refused) {
      const again = came.find((one) => one.at > at && one.request === request);
      assert.ok(again && again.at - at > 950, `asked again after ${again && again.at - at} ms`);
      // What was on its way already comes a moment later.
      assert.ok(!came.some((one) => one.at - at > 400 && one.at - at < 950), 'others wait as well');
    }
  });

  suite.test(
    'lasting',
    'what fails for good is given up after a while, told, and gone on with by the next load',
    async (t, bench) => {
      await prepare(bench);
      const proxy = await proxied(t, [{ path: kit.routes.points, fault: { kind: 'status', status: 503 } }]);
      const { result, failures } = await bench.load({ url: proxy.url, impatient: true });
      assert.deepEqual([result.failed, result.loaded], [1, 0]);
      assert.ok(failures.length > 0 && failures.every(({ runId }) => runId === 'r'));
      assert.match(failures.map(({ failure }) => failure.message).join(), /503/);
      assert.ok(proxy.log.filter(({ fault }) => fault).length >= 2, 'it was tried again');
      assert.notEqual((await bench.held()).get('r')?.isWhole, true);
      assert.deepEqual(await bench.counts(), { runs: 1, completed: 1 });
      await assertWhole(bench);
    },
  );

  suite.test('lost', 'points that the server took, and lost, are noticed', async (t, bench) => {
    await prepare(bench);
    const taken: ProxyFault = { kind: 'body', body: kit.pointsTaken, type: 'application/json' };
    const when = ({ body }: { body: Buffer }) => body.includes(kit.design.lastPoint ?? '1700000000029');
    const proxy = await proxied(t, [{ path: kit.routes.points, fault: taken, when }]);
    const { result, failures } = await bench.load({ url: proxy.url });
    assert.deepEqual([result.failed, result.partial], [1, 1]);
    assert.ok(failures.length > 0);
    assert.equal((await bench.held()).get('r')?.isWhole, false);
    assert.deepEqual(await bench.counts(), { runs: 1, completed: 1 });
    await assertWhole(bench);
  });

  suite.test('gone', 'a server that goes away ends the load, and the next one completes it', async (t, bench) => {
    await bench.putFile('small.bin', 'small');
    await writeArchive(
      bench.data,
      ['r', 'r2', 'r3', 'r4'].map((name) => small(name)),
    );
    let isDown = false;
    const proxy: FaultProxy = await proxied(t, [], (path) => {
      if (isDown || !kit.routes.points.test(path)) return;
      isDown = true;
      void proxy.down();
    });
    await assert.rejects(
      bench.load({ url: proxy.url, impatient: true, concurrency: 1 }),
      (error: { code?: string }) => {
        return error.code === 'network' || error.code === 'offline';
      },
    );
    await proxy.up();
    const { result } = await bench.load({ url: proxy.url });
    assert.deepEqual([result.failed, result.loaded + result.completed], [0, 4]);
    assert.equal((await bench.held()).size, 4);
    await assertWholeAll(bench);
  });

  async function assertWholeAll(bench: TargetBench): Promise<void> {
    for (const [name, run] of await bench.held())
      assert.deepEqual([run.isWhole, run.floats.m?.length], [true, 30], name);
  }

  suite.test('secret', 'credentials are in nothing that is said or written', async (t, bench) => {
    await prepare(bench);
    const target = await kit.target(suite.url, bench.prefix);
    await target.close();
    assert.ok(!target.address.includes(kit.secret));
    const rulesOf = (status: number, body: string): ProxyRule[] => [
      { path: kit.routes.run, fault: { kind: 'status', status: 503 }, times: 1 },
      { path: kit.routes.points, fault: { kind: 'status', status, body, type: 'text/plain' } },
    ];
    const proxy = await proxied(t, []);
    for (const status of [400, 401, 403, 500]) {
      proxy.replaceRules(rulesOf(status, 'No.'));
      const said = await bench.load({ url: proxy.url, impatient: true }).then(
        (loaded) => JSON.stringify([loaded.said, loaded.failures]),
        (error: Error & { hint?: string }) => `${error.message} ${error.hint}`,
      );
      assert.ok(said.length > 10 && !said.includes(kit.secret), said);
    }
    if (!kit.cli) return;
    // A server that repeats what it was sent.
    proxy.replaceRules(rulesOf(400, `You are not ${kit.secret}.`));
    const { code, stdout, stderr } = await bench.cli(kit.cli, ['-v', '--json'], proxy.url, {
      ...kit.cli.env,
      ...kit.cli.impatient,
    });
    assert.notEqual(code, 0);
    const names = (await readdir(bench.folder)).filter((name) => /\.(log|jsonl)$/.test(name));
    assert.ok(names.length > 0);
    const written = await Promise.all(names.map((name) => readFile(join(bench.folder, name), 'utf8')));
    for (const text of [stdout, stderr, ...written]) assert.ok(!text.includes(kit.secret), text);
  });
}
