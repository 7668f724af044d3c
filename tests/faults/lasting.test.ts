// Faults that never end, at each kind of request: everything else arrives in bounded time, what is missing is named, and
// the next export without the fault completes the archive.

import assert from 'node:assert/strict';
import test, { describe, type TestContext } from 'node:test';
import { forEachLimited } from '../../src/http/limits.ts';
import type { SourceName } from '../../src/sources/registry.ts';
import { type ProxyRule, startFaultProxy } from '../helpers/fault-proxy.ts';
import { tempFolder } from '../helpers/temp.ts';
import { complaints, exportInto, type FaultBench, faultBench, leftovers } from './bench.ts';
import { contentOf, differencesOf } from './compare.ts';
import { LASTING, meansNothing, type NamedFault } from './faults.ts';
import { lostBy, type Route, routesOf } from './routes.ts';

const AT_ONCE = 16;
/** Short, as many items of the small project use it up one after the other. */
const BUDGET_MS = 250;
/** Far more than any export should need, and far less than the budgets of all its items. */
const MOST_MS = 20_000;
const ENDING_TOKEN: ProxyRule = { path: /leaderboard\/v1/, fault: { kind: 'tokenEnds', after: 3 }, times: 1 };

async function lasts(t: TestContext, bench: FaultBench, named: NamedFault, route: Route): Promise<string[]> {
  const { name, reference } = bench;
  const keys = [...reference.keys()];
  const runs = keys.filter((key) => key.endsWith('|')).map((key) => key.slice(0, -1));
  const attributes = [...new Set(keys.map((key) => key.slice(key.indexOf('|') + 1)))];
  const folder = await tempFolder(t);
  const rules = [{ path: route.path, fault: named.fault }, ...(route.name === 'refresh' ? [ENDING_TOKEN] : [])];
  const proxy = await startFaultProxy(bench.server, { rules });
  try {
    const ended = await exportInto({ name, token: proxy.token, folder, budgetMs: BUDGET_MS });
    const content = await contentOf(folder);
    proxy.replaceRules([]);
    const again = await exportInto({ name, token: proxy.token, folder });
    const said = meansNothing(named, route);
    return [
      ...(said ? [] : complaints(ended, content, reference, new Set(lostBy(route, runs, attributes)))),
      ...(ended.code === 1 && route.lost !== 'everything' ? [`ends the export: ${ended.error?.message}`] : []),
      ...(ended.ms > MOST_MS ? [`took ${Math.round(ended.ms)} ms`] : []),
      ...(again.code === 0 ? [] : [`the next export ends with ${again.code}: ${again.failures[0]?.message}`]),
      ...differencesOf(await contentOf(folder), reference),
      ...(await leftovers(folder)),
    ];
  } finally {
    await proxy.close();
  }
}

// They wait most of the time.
describe('both Neptunes', { concurrency: true }, () => {
  for (const name of ['neptune3', 'neptune2'] satisfies SourceName[]) {
    test(`${name}: a fault that never ends costs what it meets, in bounded time, until it does`, async (t) => {
      const bench = await faultBench(t, name);
      const cases = LASTING.flatMap((fault) =>
        routesOf(name)
          .filter((route) => !fault.unseen?.(route))
          .map((route) => ({ fault, route })),
      );
      const problems: string[] = [];
      await forEachLimited(cases, AT_ONCE, async ({ fault, route }) => {
        for (const problem of await lasts(t, bench, fault, route)) {
          problems.push(`${fault.name}, ${route.name}: ${problem}`);
        }
      });
      assert.deepEqual(problems, []);
    });
  }
});
