// What a load makes of a run at Comet: the seed's mapping, what Comet can't hold, limits, loads that come again.

import assert from 'node:assert/strict';
import test from 'node:test';
import { openArchive } from '../../src/archive/reader.ts';
import type { Batch } from '../../src/model/batches.ts';
import { createTarget } from '../../src/targets/registry.ts';
import { loadArchive } from '../../src/transfer/load.ts';
import { PROJECT } from '../conformance/target-bench.ts';
import type { CometServerOptions } from '../counterparts/comet/server.ts';
import {
  fileSeries,
  floats,
  histograms,
  line,
  sampleRun,
  scalars,
  strings,
  writeArchive,
} from '../helpers/archive-runs.ts';
import { assetsOf, cometBench, PREFIX, pointsOf } from './bench.ts';

const RED = Buffer.from('GIF89a, so to say');

test('a run is an experiment with native parameters, tags, times, others and system details', async (t) => {
  const { bench, server, experiments } = await cometBench(t);
  const sys: Parameters<typeof sampleRun>[3] = [
    { path: 'sys/name', type: 'string', value: 'an experiment' },
    { path: 'sys/tags', type: 'string_set', value: ['fast', 'a, b'] },
    { path: 'sys/group_tags', type: 'string_set', value: ['fast', 'group'] },
    { path: 'sys/owner', type: 'string', value: 'somebody' },
    { path: 'sys/hostname', type: 'string', value: 'a-host' },
    { path: 'sys/failed', type: 'bool', value: true },
  ];
  await writeArchive(bench.data, [
    sampleRun(
      PROJECT,
      'R-1',
      [
        scalars([
          { path: 'cfg/lr', type: 'float', value: 0.1 },
          { path: 'cfg/whole', type: 'float', value: 3 },
          { path: 'cfg/n', type: 'int', value: 7n },
          { path: 'cfg/wide', type: 'int', value: 2n ** 60n + 1n },
          { path: 'cfg/on', type: 'bool', value: true },
          { path: 'cfg/when', type: 'datetime', value: 1_684_324_800_123n },
          { path: 'cfg/set', type: 'string_set', value: ['b', 'a'] },
          { path: '1st', type: 'string', value: 'x' },
        ]),
      ],
      sys,
    ),
  ]);
  const { result, failures } = await bench.load();
  assert.deepEqual([result.loaded, failures], [1, []]);
  const run = experiments().get('R-1')!;
  assert.ok(run.offline, 'registered as uploaded later: no rate limits');
  assert.match(run.key, /^neptune[0-9a-f]{40}00$/);
  const { cfg_lr, cfg_whole, cfg_n, cfg_wide, cfg_on, cfg_when, cfg_set, _1st } = run.params;
  assert.deepEqual(
    { cfg_lr, cfg_whole, cfg_n, cfg_wide, cfg_on, cfg_when, cfg_set, _1st },
    {
      cfg_lr: 0.1,
      cfg_whole: 3,
      cfg_n: 7,
      cfg_wide: '1152921504606846977',
      cfg_on: true,
      cfg_when: '2023-05-17 12:00:00.123000+00:00',
      cfg_set: ['b', 'a'],
      _1st: 'x',
    },
  );
  assert.deepEqual(run.tags, ['fast', 'a, b', 'group']);
  assert.deepEqual([run.startTime, run.endTime], [1_700_000_000_123, 1_700_000_900_456]);
  assert.deepEqual([run.running, run.crashed], [false, true]);
  assert.deepEqual([run.system.user, run.system.hostname], ['somebody', 'a-host']);
  const { 'neptune_exporter.load': _, 'neptune_exporter.loaded': loaded, ...others } = run.others;
  assert.deepEqual(others, {
    Name: 'R-1',
    'neptune.project': 'ws/proj',
    'neptune.run_id': 'R-1',
    'neptune.sys_id': 'TST-1',
    'neptune.experiment_name': 'an experiment',
  });
  assert.match(String(loaded), /^1:1:[0-9a-f]{64}$/);
  // Few calls for all of it: REST has a limit an hour.
  assert.ok(server.requests.length < 40, `${server.requests.length} requests`);
});

test('points have whole steps and times in milliseconds', async (t) => {
  const { bench, experiments } = await cometBench(t);
  await writeArchive(bench.data, [
    sampleRun(PROJECT, 'r', [
      floats('train/loss', [
        ['0', 1_684_324_800_123, 0.5],
        ['1', 1_684_324_801_123, Number.NaN],
        ['2', 1_684_324_802_123, Number.NEGATIVE_INFINITY],
        ['3', -5, -0],
        ['999999999999', 9_007_199_254_740_993n, 1],
      ]),
      floats('half', [['0.29', 1, 1]]),
    ]),
  ]);
  assert.deepEqual((await bench.load({ stepMultiplier: 100n })).failures, []);
  const run = experiments().get('r')!;
  assert.deepEqual(pointsOf(run, 'train_loss'), [
    [0, 1_684_324_800_123, 0.5],
    [100, 1_684_324_801_123, Number.NaN],
    [200, 1_684_324_802_123, Number.NEGATIVE_INFINITY],
    [300, -5, -0],
    [99_999_999_999_900, 9_007_199_254_740_993n, 1],
  ]);
  assert.deepEqual(pointsOf(run, 'half'), [[29, 1, 1]]);
  const own = Object.keys(run.metrics).filter((name) => name.startsWith('sys.'));
  assert.deepEqual(
    Object.keys(run.metrics)
      .filter((name) => !own.includes(name))
      .sort(),
    ['half', 'train_loss'],
  );
});

test('texts, histograms, files and images are assets under the name of their attribute', async (t) => {
  const { bench, experiments } = await cometBench(t);
  await bench.putFile('r/model.bin', 'weights');
  await bench.putFile('r/cat.PNG', RED);
  for (const step of [0, 1]) await bench.putFile(`r/imgs/${step}.gif`, Buffer.concat([RED, Buffer.of(step)]));
  await bench.putFile('r/set/a.txt', 'a');
  await bench.putFile('r/set/deep/b.png', 'b');
  await writeArchive(bench.data, [
    sampleRun(PROJECT, 'r', [
      strings('log/out', [
        ['0', 1_684_324_800_123, 'first; line'],
        ['1.5', null, 'second'],
      ]),
      histograms('grad/h', [
        ['0', 1, { edges: [0, 1, 2], values: [3, 4] }],
        ['1.5', 2, { edges: [-1, 1], values: [5] }],
        ['2', 3, { edges: [0, 1], values: [0] }],
      ]),
      {
        kind: 'files',
        rows: [
          { path: 'model/best', type: 'file', file: 'r/model.bin' },
          { path: 'cat', type: 'file', file: 'r/cat.PNG' },
          { path: 'data', type: 'file_set', file: 'r/set' },
        ],
      },
      fileSeries('imgs', [
        ['0.5', 10, 'r/imgs/0.gif'],
        ['0.75', 11, 'r/imgs/1.gif'],
      ]),
    ]),
  ]);
  const { result, failures } = await bench.load();
  assert.deepEqual(failures, []);
  const run = experiments().get('r')!;
  const [log] = assetsOf(run, 'log_out');
  assert.equal(log?.bytes.toString(), '0; 2023-05-17T12:00:00.123000+00:00; first; line\n1.5; None; second');
  assert.equal(log?.metadata?.neptune_path, 'log/out');

  const found = assetsOf(run, 'grad_h');
  assert.deepEqual(
    found.map(({ type, step, metadata }) => [type, step, metadata?.step]),
    [
      ['histogram3d', 0, '0'],
      ['histogram3d', 1, '1.5'],
    ],
  );
  const total = found.map(({ bytes }) =>
    (JSON.parse(bytes.toString()) as { index_values: [number, number][] }).index_values.reduce(
      (sum, [, n]) => sum + n,
      0,
    ),
  );
  assert.deepEqual(total, [7, 5]);
  const whole = run.assets.find(({ name }) => name.startsWith('neptune_exporter/histograms/grad_h-'));
  const { histograms: kept } = JSON.parse(whole!.bytes.toString()) as { histograms: { edges: number[] }[] };
  assert.deepEqual(
    kept.map(({ edges }) => edges),
    [
      [0, 1, 2],
      [-1, 1],
      [0, 1],
    ],
  );

  const [model] = assetsOf(run, 'model_best');
  assert.deepEqual([model?.type, model?.extension, model?.bytes.toString()], ['asset', 'bin', 'weights']);
  assert.equal(model?.metadata?.file_name, 'model.bin');
  assert.deepEqual([assetsOf(run, 'cat')[0]?.type, assetsOf(run, 'cat')[0]?.extension], ['image', 'PNG']);
  assert.deepEqual(
    [assetsOf(run, 'data/a.txt')[0]?.type, assetsOf(run, 'data/deep/b.png')[0]?.type],
    ['asset', 'image'],
  );
  assert.deepEqual(
    assetsOf(run, 'imgs')
      .map(({ type, step, metadata, bytes }) => [type, step, metadata?.step, bytes.at(-1)])
      .sort(),
    [
      ['image', 0, '0.5', 0],
      ['image', 0, '0.75', 1],
    ],
  );
  const { step_truncated, histogram_bins, histogram_empty } = result.alterationsByCode;
  assert.deepEqual(
    { step_truncated, histogram_bins, histogram_empty },
    { step_truncated: 3, histogram_bins: 3, histogram_empty: 1 },
  );
  const lists = ['attributes', 'alterations'].map((list) => assetsOf(run, `neptune_exporter/${list}.json`).length);
  assert.deepEqual(lists, [1, 1]);
});

test('what histograms go through is told before as after', async (t) => {
  const { bench } = await cometBench(t);
  const edges = [0, 1, 2];
  await writeArchive(bench.data, [
    sampleRun(PROJECT, 'r', [
      histograms('h', [
        ['0', 1, { edges, values: [0, 0] }],
        ['1', 1, { edges, values: [0.5, 1] }],
        ['2', 1, { edges, values: [-1, 3] }],
        ['3', 1, { edges, values: [Number.NaN, Number.POSITIVE_INFINITY] }],
      ]),
    ]),
  ]);
  const [planned] = (await bench.plan()).runs;
  const { result, failures } = await bench.load();
  assert.deepEqual(failures, []);
  const expected = { histogram_bins: 4, histogram_empty: 2, histogram_scaled: 1, histogram_values: 2 };
  const told = planned!.alterations.filter(({ attributePath }) => attributePath === 'h');
  assert.deepEqual(Object.fromEntries(told.map(({ code, count }) => [code, count])), expected);
  const { renamed: _, ...loaded } = result.alterationsByCode;
  assert.deepEqual(loaded, expected);
});

test('no NUL is in tags and system details', async (t) => {
  const { bench, experiments } = await cometBench(t);
  const sys: Parameters<typeof sampleRun>[3] = [
    { path: 'sys/tags', type: 'string_set', value: ['a\0b', ' '] },
    { path: 'sys/owner', type: 'string', value: 'some\0body' },
  ];
  await writeArchive(bench.data, [sampleRun(PROJECT, 'r', [], sys)]);
  assert.deepEqual((await bench.load()).failures, []);
  const { tags, system } = experiments().get('r')!;
  assert.deepEqual([tags, system.user], [['a\ufffdb'], 'some\ufffdbody']);
});

test("a file set named like the loader's own folder stays apart from it", async (t) => {
  const { bench, experiments } = await cometBench(t);
  await bench.putFile('set/attributes.json', 'of the run');
  const rows = [{ path: 'neptune/exporter', type: 'file_set' as const, file: 'set' }];
  await writeArchive(bench.data, [sampleRun(PROJECT, 'r', [{ kind: 'files', rows }])]);
  assert.deepEqual((await bench.load()).failures, []);
  const run = experiments().get('r')!;
  assert.equal(assetsOf(run, 'neptune_exporter/attributes.json').length, 1);
  const [file] = assetsOf(run, '_neptune_exporter/attributes.json');
  assert.deepEqual([file?.bytes.toString(), file?.metadata?.neptune_path], ['of the run', 'neptune/exporter']);
});

test('what Comet samples down, or cuts, is also kept whole, and told before and after', async (t) => {
  const { bench, experiments } = await cometBench(t);
  const long = `${'w'.repeat(120)}/loss`;
  await writeArchive(bench.data, [
    sampleRun(PROJECT, 'r', [
      floats('long', line(15_001, 0.25)),
      floats('short', line(15_000, 0.25)),
      floats(long, line(3, 1)),
      scalars([
        { path: 'text', type: 'string', value: 'é'.repeat(1001) },
        { path: 'nul', type: 'string', value: 'a\0b' },
        { path: 'set', type: 'string_set', value: Array.from({ length: 300 }, (_, i) => `tag ${i}`) },
      ]),
    ]),
  ]);
  const told = (codes: { code: string; attributePath?: string; count: number }[]) =>
    codes
      .filter(({ code }) => code !== 'renamed')
      .map(({ code, attributePath, count }) => `${code} ${attributePath} ${count}`)
      .sort();
  const expected = ['sampled long 1', 'value_not_text nul 1', 'value_too_long set 1', 'value_too_long text 1'];
  const [planned] = (await bench.plan()).runs;
  assert.deepEqual(told(planned!.alterations), expected);
  const { result, failures } = await bench.load();
  assert.deepEqual(failures, []);
  assert.deepEqual([result.alterationsByCode.sampled, result.alterationsByCode.value_too_long], [1, 2]);
  const run = experiments().get('r')!;
  assert.deepEqual([run.metrics.long?.count, run.metrics.short?.count], [15_001, 15_000], 'all points are sent');
  const csv = run.assets.filter(({ name }) => name.startsWith('neptune_exporter/series/'));
  assert.deepEqual(
    csv.map(({ name }) => name.replace(/-[0-9a-f]{8}\.csv$/, '')),
    ['neptune_exporter/series/long'],
  );
  const rows = csv[0]!.bytes.toString().trimEnd().split('\n');
  assert.deepEqual([rows.length, rows.at(-1)], [15_002, '15000,2023-11-14T22:13:35+00:00,3750.0']);
  for (const name of Object.keys(run.metrics)) assert.ok(name.length <= 100, name);
  const value = (name: string) =>
    run.assets.find((asset) => asset.name.startsWith(`neptune_exporter/values/${name}-`))!;
  assert.equal(value('text').bytes.toString(), 'é'.repeat(1001));
  assert.equal([...String(run.params.text)].length, 1000);
  assert.ok(String(run.params.text).endsWith(`… [1001 characters, whole in asset ${value('text').name}]`));
  assert.equal(value('nul').bytes.toString(), 'a\0b');
  assert.equal((JSON.parse(value('set').bytes.toString()) as string[]).length, 300);
  const list = JSON.parse(assetsOf(run, 'neptune_exporter/alterations.json')[0]!.bytes.toString()) as {
    alterations: { code: string; path: string; count: number }[];
  };
  assert.deepEqual(told(list.alterations.map(({ path, ...rest }) => ({ attributePath: path, ...rest }))), expected);
});

test('string sets, and times beyond all calendars, are told before as after', async (t) => {
  const { bench, experiments } = await cometBench(t);
  const elements = Array.from({ length: 300 }, (_, i) => String(i % 10));
  await writeArchive(bench.data, [
    sampleRun(PROJECT, 'r', [
      scalars([
        { path: 'nul', type: 'string_set', value: ['a\0b', 'c'] },
        // 599 characters joined, 1,500 as a list.
        { path: 'short', type: 'string_set', value: elements },
        { path: 'both', type: 'string', value: `\0${'x'.repeat(1200)}` },
        { path: 'when', type: 'datetime', value: 9n * 10n ** 18n },
      ]),
    ]),
  ]);
  const told = (codes: { code: string; attributePath?: string }[]) =>
    codes.flatMap(({ code, attributePath }) => (code === 'renamed' ? [] : [`${code} ${attributePath}`])).sort();
  const expected = ['datetime_as_number when', 'value_not_text nul', 'value_too_long both', 'value_too_long short'];
  assert.deepEqual(told((await bench.plan()).runs[0]!.alterations), expected);
  assert.deepEqual((await bench.load()).failures, []);
  const run = experiments().get('r')!;
  const list = JSON.parse(assetsOf(run, 'neptune_exporter/alterations.json')[0]!.bytes.toString()) as {
    alterations: { code: string; path: string }[];
  };
  assert.deepEqual(told(list.alterations.map(({ code, path }) => ({ code, attributePath: path }))), expected);
  assert.ok(!Object.values(run.params).flat().join().includes('\0'), 'no NUL is sent');
  const whole = run.assets.find(({ name }) => name.startsWith('neptune_exporter/values/nul-'))!;
  assert.deepEqual(JSON.parse(whole.bytes.toString()), ['a\0b', 'c']);
  assert.deepEqual(await bench.counts(), { runs: 1, skipped: 1 });
});

/** Two images of a series, two histograms, and a file. */
async function loadLimited(t: Parameters<typeof cometBench>[0], options: CometServerOptions) {
  const { bench, experiments, server } = await cometBench(t, options);
  for (const i of [0, 1]) await bench.putFile(`i${i}.png`, Buffer.alloc(2 << 20, i));
  const batches: Batch[] = [
    fileSeries('imgs', [
      ['0', 1, 'i0.png'],
      ['1', 1, 'i1.png'],
    ]),
    histograms('h', [
      ['0', 1, { edges: [0, 1], values: [1] }],
      ['1', 1, { edges: [0, 1], values: [2] }],
    ]),
  ];
  await writeArchive(bench.data, [sampleRun(PROJECT, 'r', batches)]);
  const loaded = await bench.load();
  return { ...loaded, run: experiments().get('r')!, bench, server };
}

test('images that are too many or too large are assets, histograms that are too many only in the whole series', async (t) => {
  const { failures, result, run } = await loadLimited(t, { limits: { assets: { image: 1, histogram3d: 1 } } });
  assert.deepEqual(failures, []);
  assert.deepEqual(
    assetsOf(run, 'imgs')
      .map(({ type }) => type)
      .sort(),
    ['asset', 'image'],
  );
  assert.equal(run.assets.filter(({ type }) => type === 'histogram3d').length, 1);
  assert.deepEqual([result.alterationsByCode.image_as_asset, result.alterationsByCode.histogram_limit], [1, 1]);

  const large = await loadLimited(t, { limits: { imageMiB: 1 } });
  assert.deepEqual(large.failures, []);
  assert.deepEqual(
    assetsOf(large.run, 'imgs').map(({ type }) => type),
    ['asset', 'asset'],
  );
});

test('a file that is larger than Comet takes is told, and the run is not whole', async (t) => {
  const { failures, result } = await loadLimited(t, { limits: { assetMiB: 1 } });
  assert.equal(result.partial, 1);
  assert.deepEqual(
    failures.map(({ failure: { attributePath, code } }) => [attributePath, code]),
    [
      ['imgs', 'unsupported'],
      ['imgs', 'unsupported'],
    ],
  );
});

test('limits of names are kept, and a server that takes a name once gets another one', async (t) => {
  const short = await loadLimited(t, { limits: { assetNameLength: 30, imageNameLength: 30 } });
  assert.deepEqual(short.failures, []);
  for (const { name } of short.run.assets) assert.ok(name.length <= 30, name);
  const once = await loadLimited(t, { sameName: 'refused' });
  assert.deepEqual(once.failures, []);
  const names = once.run.assets.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.equal(once.run.assets.filter(({ type }) => type === 'image').length, 2);
  assert.ok((once.result.alterationsByCode.file_renamed ?? 0) > 0);
  const counts = Array.from({ length: 60 }, (_, i): [string, number, { edges: number[]; values: number[] }] => [
    `${i}`,
    1,
    { edges: [0, 1], values: [i + 1] },
  ]);
  await writeArchive(once.bench.data, [sampleRun(PROJECT, 'many', [histograms('h', counts)])]);
  const before = once.server.requests.length;
  assert.deepEqual((await once.bench.load()).failures, []);
  const lists = once.server.requests.slice(before).filter((request) => request.includes('asset/list'));
  assert.ok(lists.length < 10, 'not one list of all assets for each asset');
  assert.deepEqual(await once.bench.counts(), { runs: 2, skipped: 2 });
});

test('an image that goes as an asset has a name as long as those may be', async (t) => {
  const { bench, experiments } = await cometBench(t, { limits: { assetNameLength: 40, assets: { image: 0 } } });
  await bench.putFile('i.png', RED);
  await writeArchive(bench.data, [sampleRun(PROJECT, 'r', [fileSeries('i'.repeat(60), [['0', 1, 'i.png']])])]);
  assert.deepEqual((await bench.load()).failures, []);
  const [image] = experiments()
    .get('r')!
    .assets.filter(({ name }) => name.startsWith('iii'));
  assert.deepEqual([image?.type, image?.name.length], ['asset', 40]);
});

test('what an earlier load made of assets is told by the one that goes on, and stays', async (t) => {
  const { bench, experiments } = await cometBench(t, { limits: { assets: { image: 1, histogram3d: 2 } } });
  for (const i of [0, 1]) await bench.putFile(`${i}.png`, `image ${i}`);
  const counts = [0, 1, 2].map((i): [string, number, { edges: number[]; values: number[] }] => [
    `${i}`,
    1,
    { edges: [0, 1], values: [i + 1] },
  ]);
  const batches: Batch[] = [
    fileSeries('imgs', [
      ['0', 1, '0.png'],
      ['1', 1, '1.png'],
    ]),
    histograms('h', counts),
    { kind: 'files', rows: [{ path: 'f', type: 'file', file: 'late' }] },
  ];
  await writeArchive(bench.data, [sampleRun(PROJECT, 'r', batches)]);
  assert.equal((await bench.load()).result.partial, 1);
  await bench.putFile('late', 'late');
  const { result, failures } = await bench.load();
  assert.deepEqual(failures, []);
  assert.deepEqual([result.alterationsByCode.image_as_asset, result.alterationsByCode.histogram_limit], [1, 1]);
  const { assets } = experiments().get('r')!;
  assert.equal(assets.filter(({ type }) => type === 'histogram3d').length, 2);
});

test('rate limits are heeded by the header of Comet, and bulk goes where none are', async (t) => {
  const { bench, server, experiments } = await cometBench(t, {
    limits: { valuesPerMinute: 500, parametersPerMinute: 5, othersPerMinute: 1, restPerHour: 6, minuteSeconds: 0.02 },
  });
  await writeArchive(bench.data, [sampleRun(PROJECT, 'r', [floats('m', line(5000, 1))])]);
  const { failures } = await bench.load();
  assert.deepEqual(failures, []);
  assert.equal(experiments().get('r')?.metrics.m?.count, 5000);
  const refused = server.requests.filter((request) => request.endsWith(' 429'));
  assert.ok(refused.length > 0 && refused.every((request) => request.includes('write/experiment')), refused.join());
});

test('a key that was deleted is not used again, one that is put away is found', async (t) => {
  const { bench, server, experiments } = await cometBench(t);
  await writeArchive(bench.data, [sampleRun(PROJECT, 'r', [floats('m', line(3, 1))])]);
  const call = (path: string) =>
    fetch(`${server.url}/api/rest/v2/${path}`, { headers: { authorization: server.apiKey } }).then(
      ({ status }) => status,
    );
  assert.deepEqual(await bench.counts(), { runs: 1, loaded: 1 });
  const first = experiments().get('r')!.key;
  assert.equal(await call(`write/experiment/archive?experimentKey=${first}`), 200);
  assert.deepEqual(await bench.counts(), { runs: 1, skipped: 1 }, 'somebody put it away: it is there');
  assert.equal(await call(`write/experiment/delete?experimentKey=${first}`), 200);
  assert.deepEqual(await bench.counts(), { runs: 1, loaded: 1 });
  const second = experiments().get('r')!.key;
  assert.equal(second, `${first.slice(0, -2)}01`);
  assert.deepEqual(await bench.counts(), { runs: 1, skipped: 1 });
});

test('the same archive goes into two workspaces', async (t) => {
  const { bench, server } = await cometBench(t);
  await writeArchive(bench.data, [sampleRun(PROJECT, 'r', [floats('m', line(3, 1))])]);
  assert.deepEqual(await bench.counts(), { runs: 1, loaded: 1 });
  const env = { COMET_API_KEY: server.apiKey, COMET_URL_OVERRIDE: server.url };
  for (const expected of [{ loaded: 1 }, { skipped: 1 }]) {
    const target = await createTarget('comet', { namePrefix: PREFIX, cometWorkspace: 'other-team' }, env);
    const loading = { target, filesPath: bench.files, stepMultiplier: 1n, concurrency: 1 };
    const { loaded, skipped } = await loadArchive({ ...loading, archive: await openArchive(bench.data) });
    await target.close();
    assert.deepEqual({ loaded, skipped }, { loaded: 0, skipped: 0, ...expected });
  }
  assert.deepEqual(
    server.experiments().map(({ workspace, key, metrics }) => [workspace, key.slice(-2), metrics.m?.count]),
    [
      ['emulated-team', '00', 3],
      ['other-team', '01', 3],
    ],
  );
});

test('content that comes back makes a new experiment; what was replaced stays put away', async (t) => {
  const { bench, server, experiments } = await cometBench(t);
  const counts: unknown[] = [];
  for (const value of [1, 2, 1, 1]) {
    await writeArchive(bench.data, [sampleRun(PROJECT, 'r', [floats('m', line(3, value))])]);
    counts.push(await bench.counts());
    assert.deepEqual(
      pointsOf(experiments().get('r')!, 'm').map(([, , number]) => number),
      [0, value, 2 * value],
    );
  }
  assert.deepEqual(counts, [
    { runs: 1, loaded: 1 },
    { runs: 1, updated: 1 },
    { runs: 1, updated: 1 },
    { runs: 1, skipped: 1 },
  ]);
  const all = server.experiments();
  assert.deepEqual(
    all.map(({ archived, others }) => [archived, 'neptune_exporter.replaced' in others]),
    [
      [true, true],
      [true, true],
      [false, false],
    ],
  );
});

test('an experiment that is replaced, but not put away yet, is put away by the next load', async (t) => {
  const { bench, server, experiments } = await cometBench(t);
  const write = (value: number) => writeArchive(bench.data, [sampleRun(PROJECT, 'r', [floats('m', line(3, value))])]);
  await write(1);
  assert.deepEqual(await bench.counts(), { runs: 1, loaded: 1 });
  await write(2);
  // As after a kill between these two calls.
  server.replaceFaults([{ operation: 'GET write/experiment/archive', kind: 'status', status: 400 }]);
  assert.deepEqual(await bench.counts(), { runs: 1, failed: 1 });
  assert.deepEqual(await bench.counts(), { runs: 1, completed: 1 });
  assert.deepEqual(
    server.experiments().map(({ archived, others }) => [archived, 'neptune_exporter.replaced' in others]),
    [
      [true, true],
      [false, false],
    ],
  );
  assert.deepEqual(await bench.counts(), { runs: 1, skipped: 1 });
  // Somebody deletes the one and restores the other: what was replaced is not taken for a load of this content.
  await write(1);
  const { key } = experiments().get('r')!;
  const [old] = server.experiments();
  const headers = { authorization: server.apiKey };
  for (const [what, which] of [
    ['delete', key],
    ['restore', old!.key],
  ]) {
    await fetch(`${server.url}/api/rest/v2/write/experiment/${what}?experimentKey=${which}`, { headers });
  }
  assert.deepEqual(await bench.counts(), { runs: 1, completed: 1 });
  assert.equal(experiments().get('r')?.key, `${old!.key.slice(0, -2)}01`);
  assert.deepEqual(await bench.counts(), { runs: 1, skipped: 1 });
});

test('answers that are lost again and again double nothing, in series that are sampled, too', async (t) => {
  const { bench, server, experiments } = await cometBench(t);
  await writeArchive(bench.data, [
    sampleRun(PROJECT, 'r', [
      floats('m', line(40_000, 0.5)),
      floats('repeated', [
        ['1', 1, 1],
        ['1', 1, 1],
      ]),
    ]),
  ]);
  server.replaceFaults([
    { operation: 'POST batch/metric', kind: 'lost', after: 3, times: 5 },
    { operation: 'POST batch/metric', kind: 'cut', after: 10, times: 3 },
    { operation: 'POST batch/metric', kind: 'status', status: 500, after: 15, times: 3 },
    { operation: 'POST asset/upload', kind: 'lost', times: 3 },
    { operation: 'POST logger/add/run', kind: 'lost' },
  ]);
  assert.deepEqual((await bench.load()).failures, []);
  const run = experiments().get('r')!;
  assert.deepEqual(
    pointsOf(run, 'm'),
    line(40_000, 0.5).map(([step, time, value]) => [Number(step), time, value]),
  );
  assert.equal(run.metrics.repeated?.count, 2);
  const ids = run.assets.map(({ name, step }) => `${name} ${step}`);
  assert.equal(new Set(ids).size, ids.length, 'no asset twice');
});

test('points that somebody else added to a half run are noticed: it is put away, and made anew', async (t) => {
  const { bench, server, experiments } = await cometBench(t);
  const lacking = sampleRun(PROJECT, 'r', [
    floats('m', line(30, 1)),
    { kind: 'files', rows: [{ path: 'f', type: 'file', file: 'late.bin' }] },
  ]);
  await writeArchive(bench.data, [lacking]);
  assert.deepEqual(await bench.counts(), { runs: 1, partial: 1, failed: 1 });
  const { key, metrics } = experiments().get('r')!;
  // As a second load does that is at work at the same time.
  const values = Object.entries(metrics).flatMap(([metricName, metric]) =>
    metric.points().map(({ value, step, timestamp }) => ({ metricName, metricValue: value, step, timestamp })),
  );
  const answer = await fetch(`${server.url}/clientlib/batch/logger/experiment/metric`, {
    method: 'POST',
    headers: { authorization: server.apiKey, 'content-type': 'application/json' },
    body: JSON.stringify({ experimentKey: key, values }),
  });
  assert.equal(answer.status, 200);
  await bench.putFile('late.bin', 'late');
  const { failures } = await bench.load();
  assert.match(failures.map(({ failure }) => failure.message).join(), /twice.*The experiment was archived/);
  assert.equal(experiments().get('r'), undefined);
  assert.deepEqual(await bench.counts(), { runs: 1, loaded: 1 });
  assert.equal(experiments().get('r')?.metrics.m?.count, 30);
  assert.deepEqual(await bench.counts(), { runs: 1, skipped: 1 });
});

test('a load that goes on says so before it reads what is there', async (t) => {
  const { bench, server } = await cometBench(t);
  await writeArchive(bench.data, [sampleRun(PROJECT, 'r', [floats('m', line(30, 1))])]);
  server.replaceFaults([{ operation: 'POST batch/parameter', kind: 'status', status: 400 }]);
  assert.deepEqual(await bench.counts(), { runs: 1, failed: 1 });
  const before = server.requests.length;
  assert.deepEqual(await bench.counts(), { runs: 1, completed: 1 });
  const later = server.requests.slice(before);
  const at = (request: string) => later.indexOf(request);
  // Otherwise one that is at work may mark the run as whole while this one sends again what it had not seen.
  assert.ok(at('POST write/experiment/log-other 200') < at('GET experiment/metrics/get-metric 200'));
  assert.ok(at('POST write/experiment/log-other 200') > at('POST logger/get/run 200'));
});

test('two loads that go on with one half run leave one whole experiment in the end', async (t) => {
  const { bench, server, experiments } = await cometBench(t);
  const run = sampleRun(PROJECT, 'r', [
    floats('m', line(5000, 1)),
    { kind: 'files', rows: [{ path: 'f', type: 'file', file: 'f.bin' }] },
  ]);
  await writeArchive(bench.data, [run]);
  server.replaceFaults([{ operation: 'POST batch/metric', kind: 'status', status: 400, after: 1, times: 9 }]);
  assert.deepEqual(await bench.counts(), { runs: 1, failed: 1 });
  await bench.putFile('f.bin', 'file');
  server.replaceFaults([{ operation: 'POST batch/metric', kind: 'slow', ms: 300, times: 4 }]);
  const both = await Promise.all([bench.load(), bench.load()]);
  for (const { failures } of both) {
    for (const { failure } of failures) assert.match(failure.message, /[Aa]nother load/);
  }
  for (let i = 0; i < 2; i++) await bench.load();
  assert.equal(experiments().get('r')?.metrics.m?.count, 5000);
  assert.deepEqual(await bench.counts(), { runs: 1, skipped: 1 });
});

test('a half experiment that somebody put away is made anew', async (t) => {
  const { bench, server, experiments } = await cometBench(t);
  await writeArchive(bench.data, [sampleRun(PROJECT, 'r', [floats('m', line(3, 1))])]);
  server.replaceFaults([{ operation: 'POST batch/metric', kind: 'status', status: 400 }]);
  assert.deepEqual(await bench.counts(), { runs: 1, failed: 1 });
  const { key } = experiments().get('r')!;
  const headers = { authorization: server.apiKey };
  await fetch(`${server.url}/api/rest/v2/write/experiment/archive?experimentKey=${key}`, { headers });
  assert.deepEqual(await bench.counts(), { runs: 1, loaded: 1 });
  assert.equal(experiments().get('r')?.key, `${key.slice(0, -2)}01`);
});

test('older servers, storage on another host and a workspace that is not there', async (t) => {
  const old = await cometBench(t, { without: ['not-found', 'getOrCreate', 'metrics/get-all', 'tags/delete'] });
  await writeArchive(old.bench.data, [sampleRun(PROJECT, 'r', [floats('m', line(3, 1))])]);
  old.server.replaceFaults([{ operation: 'POST logger/add/run', kind: 'status', status: 503 }]);
  assert.deepEqual(await old.bench.counts(), { runs: 1, loaded: 1 });
  assert.deepEqual(await old.bench.counts(), { runs: 1, skipped: 1 });
  const other = await cometBench(t, { workspaces: ['other-team'] });
  await writeArchive(other.bench.data, [sampleRun(PROJECT, 'r', [])]);
  await assert.rejects(other.bench.load(), (error: Error & { code: string; hint: string }) => {
    assert.equal(error.code, 'access_denied');
    assert.match(error.hint, /other-team/);
    return true;
  });
});
