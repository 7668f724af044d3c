// Answers that never come, or only drip: they end with their tries, and hold up nothing else.

import assert from 'node:assert/strict';
import test from 'node:test';
import type { SourceName } from '../../src/sources/registry.ts';
import { type ProxyFault, startFaultProxy } from '../helpers/fault-proxy.ts';
import { tempFolder } from '../helpers/temp.ts';
import { complaints, exportInto, faultBench } from './bench.ts';
import { contentOf, differencesOf } from './compare.ts';
import { lostBy, routesOf } from './routes.ts';

const FAULTS: ProxyFault[] = [{ kind: 'hang' }, { kind: 'drip', bytes: 1, everyMs: 50 }];
const ROUTES: Record<SourceName, string[]> = {
  neptune3: ['attributes', 'float series', 'storage'],
  neptune2: ['string series', 'file'],
};
/** A try may take ten seconds, and there are two, at most for a request and again for its parts. */
const MOST_MS = 75_000;

test('answers that hang or drip for ever are given up; everything else arrives', { timeout: 150_000 }, async (t) => {
  const problems: string[] = [];
  const cases = (['neptune3', 'neptune2'] as const).map(async (name) => {
    const bench = await faultBench(t, name);
    const keys = [...bench.reference.keys()];
    const runs = keys.filter((key) => key.endsWith('|')).map((key) => key.slice(0, -1));
    const routes = routesOf(name).filter((route) => ROUTES[name].includes(route.name));
    const each = FAULTS.flatMap((fault) => routes.map((route) => ({ fault, route })));
    await Promise.all(
      each.map(async ({ fault, route }) => {
        const folder = await tempFolder(t);
        const proxy = await startFaultProxy(bench.server, { rules: [{ path: route.path, fault }] });
        t.after(() => proxy.close());
        const ended = await exportInto({ name, token: proxy.token, folder, budgetMs: 1000 });
        const found = [
          ...complaints(ended, await contentOf(folder), bench.reference, new Set(lostBy(route, runs, []))),
          ...(ended.code === 1 ? [`ends the export: ${ended.error?.message}`] : []),
          ...(ended.ms > MOST_MS ? [`took ${Math.round(ended.ms)} ms`] : []),
        ];
        proxy.replaceRules([]);
        const again = await exportInto({ name, token: proxy.token, folder });
        found.push(...differencesOf(await contentOf(folder), bench.reference));
        if (again.code !== 0) found.push(`the next export ends with ${again.code}`);
        t.diagnostic(`${name}, ${route.name}, ${fault.kind}: ${ended.code} after ${Math.round(ended.ms)} ms`);
        problems.push(...found.map((problem) => `${name}, ${route.name}, ${fault.kind}: ${problem}`));
      }),
    );
  });
  await Promise.all(cases);
  assert.deepEqual(problems, []);
});
