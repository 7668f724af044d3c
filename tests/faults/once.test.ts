// Faults that meet each kind of request once: what can be mended is mended, what is refused is told and fetched by the next export.

import assert from 'node:assert/strict';
import test, { describe, type TestContext } from 'node:test';
import { forEachLimited } from '../../src/http/limits.ts';
import type { SourceName } from '../../src/sources/registry.ts';
import { type FaultProxy, type ProxyRule, startFaultProxy } from '../helpers/fault-proxy.ts';
import { tempFolder } from '../helpers/temp.ts';
import { complaints, exportInto, type FaultBench, faultBench, leftovers } from './bench.ts';
import { contentOf, differencesOf } from './compare.ts';
import { MENDED, type NamedFault, REFUSALS } from './faults.ts';
import { lostBy, type Route, routesOf } from './routes.ts';

/** Exports at once: they wait most of the time. */
const AT_ONCE = 16;
/** Makes clients refresh their token. */
const ENDING_TOKEN: ProxyRule = { path: /leaderboard\/v1/, fault: { kind: 'tokenEnds', after: 3 }, times: 1 };

async function withProxy<T>(bench: FaultBench, rules: ProxyRule[], use: (proxy: FaultProxy) => T) {
  const proxy = await startFaultProxy(bench.server, { rules });
  try {
    return await use(proxy);
  } finally {
    await proxy.close();
  }
}

/** Meets every kind of request once in one export. @returns what is wrong with its outcome */
async function mends(t: TestContext, bench: FaultBench, { fault, unseen }: NamedFault): Promise<string[]> {
  const routes = routesOf(bench.name).filter((route) => !unseen?.(route));
  const rules = routes.map(({ path }): ProxyRule => ({ path, fault, times: 1 }));
  const folder = await tempFolder(t);
  return withProxy(bench, [...rules, ENDING_TOKEN], async ({ token, log }) => {
    const ended = await exportInto({ name: bench.name, token, folder });
    const unmet = routes.filter(({ path }) => !log.some((one) => one.fault === fault.kind && path.test(one.path)));
    return [
      ...(ended.code === 0 ? [] : [`ends with ${ended.code}: ${ended.error?.message ?? ended.failures[0]?.message}`]),
      ...differencesOf(await contentOf(folder), bench.reference),
      ...(await leftovers(folder)),
      // Only what needs no token, or is asked for once before any fault, may not be met.
      ...unmet
        .filter(({ name }) => fault.kind !== 'tokenEnds' && name !== 'refresh')
        .map(({ name }) => `unmet: ${name}`),
    ];
  });
}

/** Meets one kind of request once, then exports again. */
async function tells(t: TestContext, bench: FaultBench, { fault }: NamedFault, route: Route): Promise<string[]> {
  const { name, reference } = bench;
  const keys = [...reference.keys()];
  const runs = keys.filter((key) => key.endsWith('|')).map((key) => key.slice(0, -1));
  const attributes = [...new Set(keys.map((key) => key.slice(key.indexOf('|') + 1)))];
  const folder = await tempFolder(t);
  return withProxy(bench, [{ path: route.path, fault, times: 1 }, ENDING_TOKEN], async (proxy) => {
    const { token } = proxy;
    const ended = await exportInto({ name, token, folder });
    const content = await contentOf(folder);
    const again = await exportInto({ name, token, folder });
    return [
      ...complaints(ended, content, reference, new Set(lostBy(route, runs, attributes))),
      ...(ended.code === 1 && route.lost !== 'everything' ? [`ends the export: ${ended.error?.message}`] : []),
      ...(again.code === 0 ? [] : [`the next export ends with ${again.code}: ${again.failures[0]?.message}`]),
      ...differencesOf(await contentOf(folder), reference),
      ...(await leftovers(folder)),
    ];
  });
}

// They wait most of the time.
describe('both Neptunes', { concurrency: true }, () => {
  for (const name of ['neptune3', 'neptune2'] satisfies SourceName[]) {
    test(`${name}: a fault that meets every kind of request once leaves no trace`, async (t) => {
      const bench = await faultBench(t, name);
      const problems: string[] = [];
      await forEachLimited(MENDED, AT_ONCE, async (fault) => {
        for (const problem of await mends(t, bench, fault)) problems.push(`${fault.name}: ${problem}`);
      });
      assert.deepEqual(problems, []);
    });

    test(`${name}: a refusal costs what was refused, is told, and is over with the next export`, async (t) => {
      const bench = await faultBench(t, name);
      const cases = REFUSALS.flatMap((fault) =>
        routesOf(name)
          .filter((route) => !fault.unseen?.(route))
          .map((route) => ({ fault, route })),
      );
      const problems: string[] = [];
      await forEachLimited(cases, AT_ONCE, async ({ fault, route }) => {
        for (const problem of await tells(t, bench, fault, route)) {
          problems.push(`${fault.name}, ${route.name}: ${problem}`);
        }
      });
      assert.deepEqual(problems, []);
    });
  }
});
