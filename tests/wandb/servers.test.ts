// Older servers, which lack fields and abilities: what is loaded is the same.

import assert from 'node:assert/strict';
import test from 'node:test';
import type { WandbServerOptions } from '../counterparts/wandb/server.ts';
import { fileSeries, floats, histograms, strings } from '../helpers/archive-runs.ts';
import { WandbBench } from './bench.ts';
import { png } from './pictures.ts';
import { counting, filesRun } from './runs.ts';

const T = 1_700_000_000_000;

const SERVERS: Record<string, WandbServerOptions> = {
  'a server without abilities': { features: [] },
  'a server that doesn’t tell of its abilities': { without: ['Query.serverInfo'], features: [] },
  'a server without history in parquet': { without: ['Run.parquetHistory'] },
  'a server without artifact tags': { without: ['CreateArtifactInput.tags'], features: [] },
  'a server that knows no fork': { forking: 'ignored' },
  'a server that can’t compress': { features: ['LARGE_FILENAMES', 'CLIENT_IDS'] },
};

for (const [name, options] of Object.entries(SERVERS)) {
  test(name, async (t) => {
    const bench = await WandbBench.create(t, options);
    await bench.putFile('f.txt', 'x');
    await bench.putFile('i.png', png(2, 2));
    await bench.write(
      filesRun('r', { f: 'f.txt' }, [
        counting('m', 0, 2999),
        floats('nan', [['1', T, Number.NaN]]),
        histograms('h', [['5', T, { edges: [0, 1], values: [1] }]]),
        strings('s', [['0', T, 'x']]),
        fileSeries('i', [['0', T, 'i.png']]),
      ]),
    );
    assert.equal((await bench.load()).loaded, 1);
    assert.equal((await bench.load()).skipped, 1);
    const [held] = bench.server.runs();
    assert.equal(held!.state, 'finished');
    assert.equal(held!.historyLines.length, 3001);
    assert.equal(held!.artifacts.length, 2);
    assert.ok(held!.artifacts.every(({ state }) => state === 'COMMITTED'));
    assert.equal((await bench.verify()).code, 0);
  });
}
