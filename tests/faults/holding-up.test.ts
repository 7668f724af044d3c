// What fails for ever never holds up the others: judged by the order of requests and manifests, not by a clock.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { describe } from 'node:test';
import { attribute, fileOf, seriesOf } from '../../src/demo/dataset.ts';
import { attribute2 } from '../../src/demo/neptune2/dataset.ts';
import { startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';
import { startDemoServer } from '../../src/demo/server.ts';
import { type ProxiedRequest, startFaultProxy } from '../helpers/fault-proxy.ts';
import { tempFolder } from '../helpers/temp.ts';
import { exportInto } from './bench.ts';
import { bytesOf, data2, data3 } from './data.ts';

const RUNS = 40;
const BUDGET_MS = 6_000;
/** Every tenth run has a series and a file that are never to be had. */
const isBad = (index: number) => index % 10 === 0;
const BAD = RUNS / 10;

function manifests(folder: string): number {
  try {
    return readdirSync(join(folder, 'data'), { recursive: true }).filter((name) =>
      /_runs.[^/\\]+\.json$/.test(`${name}`),
    ).length;
  } catch {
    return 0;
  }
}

const SERVERS = {
  neptune3: () =>
    startDemoServer({
      data: data3(RUNS, (index) => {
        if (!isBad(index)) return [];
        const file = fileOf(`${index}/bad.bin`, 'application/octet-stream', bytesOf(100, index));
        return [
          ['bad/series', { type: 'floatSeries', series: seriesOf([[0, 0, 1]]) }],
          ['bad/file', attribute.file(file)],
        ];
      }),
    }),
  neptune2: () =>
    startNeptune2DemoServer({
      data: data2(RUNS, (index) => {
        if (!isBad(index)) return [];
        return [
          ['bad/series', attribute2.floats(seriesOf([[0, 0, 1]]))],
          ['bad/file', attribute2.file('bad.bin', bytesOf(100, index))],
        ];
      }),
    }),
};

const asksForBad = ({ method, path, target, body }: ProxiedRequest) =>
  (/series\/float$/.test(path) && /bad(\/|%2F)series/.test(target + body.toString())) ||
  (method === 'GET' && /bad(\.bin|%2Ffile)/.test(target));

// They wait most of the time.
describe('both Neptunes', { concurrency: true }, () => {
  for (const name of ['neptune3', 'neptune2'] as const) {
    test(`${name}: all other runs are whole while the failing ones are still tried`, async (t) => {
      const server = await SERVERS[name]();
      t.after(() => server.close());
      const folder = await tempFolder(t);
      /** Manifests that were there at each failing request. */
      const there: number[] = [];
      const proxy = await startFaultProxy(server, {
        rules: [{ when: asksForBad, fault: { kind: 'status', status: 503 } }],
        onRequest: ({ fault }) => {
          if (fault !== undefined) there.push(manifests(folder));
        },
      });
      t.after(() => proxy.close());
      const { code, missing, result, ms } = await exportInto({ name, token: proxy.token, folder, budgetMs: BUDGET_MS });
      assert.equal(code, 3);
      assert.equal(result?.partial, BAD);
      assert.equal(result?.exported, RUNS);
      const paths = missing.map((key) => key.slice(key.indexOf('|') + 1)).sort();
      assert.deepEqual(paths, [...Array(BAD).fill('bad/file'), ...Array(BAD).fill('bad/series')]);
      assert.ok(there.at(-1)! >= RUNS - BAD, `only ${there.at(-1)} manifests at the last try`);
      assert.ok(there.filter((count) => count >= RUNS - BAD).length > 3, 'the failing ones were tried on after that');
      // Eight items that use up their time one after the other, and not even that.
      assert.ok(ms < 2 * BAD * BUDGET_MS * 0.6, `took ${Math.round(ms)} ms`);
    });
  }
});
