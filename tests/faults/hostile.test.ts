// Whatever names and values a server sends, the archive holds exactly them, and nothing is written outside of it.

import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import { diskName } from '../../src/archive/names.ts';
import { findArchive, readBatches } from '../../src/archive/reader.ts';
import { attribute, type DemoAttribute, type DemoRun, fileOf, seriesOf } from '../../src/demo/dataset.ts';
import { attribute2, contentOf, type DemoAttribute2, type DemoContainer } from '../../src/demo/neptune2/dataset.ts';
import { startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';
import { startDemoServer } from '../../src/demo/server.ts';
import { byAttribute, type PlainRow, plainDouble, plainRows } from '../archive/rows.ts';
import { fakeSource } from '../export/fake-source.ts';
import { tempFolder } from '../helpers/temp.ts';
import { exportInto, leftovers } from './bench.ts';
import { doubles, integers, mimeTypes, names, rising, texts, times } from './hostile-data.ts';

/** A row, with a file's content in place of its path. */
type Row = PlainRow & { content?: string };

/** Rows of each run. */
type Expected = Map<string, Row[]>;

/** What is made up for one attribute: the attribute, and its rows without path. */
interface Made<A> {
  attribute: A;
  rows: Omit<Row, 'path'>[];
}

const RUNS = Number(process.env.HOSTILE_RUNS ?? 60);
const seed = process.env.HOSTILE_SEED === undefined ? {} : { seed: Number(process.env.HOSTILE_SEED) };

async function listing(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).sort();
}

/** A folder in a folder with things around it that must stay as they are. */
async function guardedFolder(
  t: TestContext,
): Promise<{ folder: string; check(): Promise<void>; empty(): Promise<void> }> {
  const outside = await tempFolder(t);
  const folder = join(outside, 'a', 'b', 'work');
  for (const place of ['etc', 'a/x', 'a/b/models', 'a/b/_runs', 'a/b/work']) {
    await mkdir(join(outside, place), { recursive: true });
    await writeFile(join(outside, place, 'canary'), 'alive');
  }
  const empty = async () => {
    for (const name of ['data', 'files']) await rm(join(folder, name), { recursive: true, force: true });
  };
  const before = await listing(outside);
  const check = async () => {
    const after = (await listing(outside)).filter((name) => !/^a.b.work.(data|files)(.|$)/s.test(name));
    assert.deepEqual(after, before);
    for (const name of before.filter((one) => one.endsWith('canary'))) {
      assert.equal(await readFile(join(outside, name), 'utf8'), 'alive');
    }
  };
  return { folder, check, empty };
}

/** All rows of the archive by run, files by their content. */
async function archived(folder: string, project: string): Promise<Expected> {
  const archive = await findArchive(join(folder, 'data'));
  const runs: Expected = new Map();
  const [found] = archive?.projects() ?? [];
  if (!archive || !found) return runs;
  assert.equal(found.projectId, project);
  assert.equal(found.diskName, diskName(project));
  const seen = new Set<string>();
  for await (const run of archive.runs(found)) {
    const rows: Row[] = [];
    for await (const batch of readBatches(run)) {
      for (const { file, ...row } of plainRows(batch) as (PlainRow & { file?: string })[]) {
        if (file === undefined) {
          rows.push(row);
          continue;
        }
        // Also where a file system takes two spellings for one.
        const folded = file.normalize('NFC').toLowerCase();
        assert.ok(!seen.has(folded), `two rows share ${file}`);
        seen.add(folded);
        rows.push({ ...row, content: await readFile(join(folder, 'files', found.diskName, file), 'base64') });
      }
    }
    runs.set(run.runId, rows);
  }
  return runs;
}

function assertSame(found: Expected, expected: Expected): void {
  assert.deepEqual([...found.keys()].sort(), [...expected.keys()].sort());
  for (const [run, rows] of expected) assert.deepEqual(byAttribute(found.get(run)!), byAttribute(rows), run);
}

/** The archive can't hold halves of surrogate pairs: each becomes U+FFFD. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, wellFormed(one)]));
}

const content = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
let number = 0;

/** Points of a series, and their rows. */
function pointsOf<T>(value: fc.Arbitrary<T>, type: string, row: (one: T) => object) {
  return rising.chain((steps) =>
    fc.array(fc.tuple(times, value), { minLength: steps.length, maxLength: steps.length }).map((entries) => ({
      series: seriesOf(entries.map(([time, one], index) => [steps[index]! / 1e6, time, one] as const)),
      rows: entries.map(([time, one], index) => ({
        type,
        step: String(steps[index]),
        timestamp: String(time),
        ...row(one),
      })),
    })),
  );
}

const histogram = fc.record({
  type: texts(false),
  edges: fc.array(doubles, { maxLength: 5 }),
  values: fc.array(doubles, { maxLength: 5 }),
});

const file3 = fc.tuple(mimeTypes, content).map(([mimeType, bytes]) => fileOf(`f${number++}/ü %2e x`, mimeType, bytes));
const bytesOf3 = (file: ReturnType<typeof fileOf>) => Buffer.from(file.read!(0, file.sizeBytes)).toString('base64');

const made3: fc.Arbitrary<Made<DemoAttribute>> = fc.oneof(
  doubles.map((value) => ({ attribute: attribute.float(value), rows: [{ type: 'float', float: plainDouble(value) }] })),
  integers.map((value) => ({ attribute: attribute.int(value), rows: [{ type: 'int', int: String(value) }] })),
  texts(false).map((value) => ({ attribute: attribute.string(value), rows: [{ type: 'string', string: value }] })),
  fc.boolean().map((value) => ({ attribute: attribute.bool(value), rows: [{ type: 'bool', bool: value }] })),
  times.map((value) => ({
    attribute: attribute.datetime(value),
    rows: [{ type: 'datetime', datetime: String(value) }],
  })),
  fc.uniqueArray(texts(false), { maxLength: 4 }).map((value) => ({
    attribute: attribute.stringSet(value),
    rows: [{ type: 'string_set', string_set: value }],
  })),
  pointsOf(doubles, 'float_series', (value) => ({ float: plainDouble(value) })).map(({ series, rows }) => ({
    attribute: { type: 'floatSeries' as const, series },
    rows,
  })),
  pointsOf(texts(false), 'string_series', (value) => ({ string: value })).map(({ series, rows }) => ({
    attribute: { type: 'stringSeries' as const, series },
    rows,
  })),
  pointsOf(histogram, 'histogram_series', ({ type, edges, values }) => ({
    histogram: { type, edges: edges.map(plainDouble), values: values.map(plainDouble) },
  })).map(({ series, rows }) => ({ attribute: { type: 'histogramSeries' as const, series }, rows })),
  file3.map((file) => ({ attribute: attribute.file(file), rows: [{ type: 'file', content: bytesOf3(file) }] })),
  file3.map((file) => ({ attribute: attribute.file(file), rows: [{ type: 'file', content: bytesOf3(file) }] })),
  pointsOf(file3, 'file_series', (file) => ({ content: bytesOf3(file) })).map(({ series, rows }) => ({
    attribute: { type: 'fileRefSeries' as const, series },
    rows,
  })),
);

function attributesOf<A>(made: fc.Arbitrary<Made<A>>): fc.Arbitrary<[string, Made<A>][]> {
  return fc.uniqueArray(fc.tuple(names, made), { maxLength: 14, selector: ([name]) => name });
}

/** Projects whose names lie in signed addresses, too: those of parts that an address would leave out are tried elsewhere. */
const projects = fc.constantFrom(
  'ws/project',
  'ü/CON',
  '_runs/_lock',
  '__proto__/constructor',
  'a b/~',
  'w/%2e%2e',
  'w\\/..\\x',
);

async function exportsExactly(
  name: 'neptune3' | 'neptune2',
  token: string,
  project: string,
  expected: Expected,
  { folder, check, empty }: Awaited<ReturnType<typeof guardedFolder>>,
): Promise<void> {
  await empty();
  const { code, failures, error } = await exportInto({ name, token, folder, project, budgetMs: 500 });
  assert.equal(code, 0, JSON.stringify([error?.message, failures]));
  await check();
  assertSame(await archived(folder, project), expected);
  assert.deepEqual(await leftovers(join(folder, 'data')), []);
  const before = await listing(folder);
  const again = await exportInto({ name, token, folder, project });
  assert.deepEqual([again.code, again.result?.exported], [0, 0]);
  assert.deepEqual(await listing(folder), before);
}

test('neptune3: names and values of any kind come back exactly, and nothing lies outside', async (t) => {
  const server = await startDemoServer({ data: { projects: [] } });
  t.after(() => server.close());
  const guarded = await guardedFolder(t);
  // The search for all runs, as official clients send it, finds ids with a character that a regex's `.` matches.
  const ids = names.filter((id) => /./.test(id));
  const runs = fc.uniqueArray(fc.tuple(ids, attributesOf(made3)), {
    minLength: 1,
    maxLength: 4,
    selector: ([id]) => id,
  });
  await fc.assert(
    fc.asyncProperty(projects, runs, async (project, content) => {
      const expected: Expected = new Map();
      const all = content.map(([id, attributes], index): DemoRun => {
        const own: [string, Made<DemoAttribute>][] = [
          ...attributes.filter(([path]) => path !== 'sys/id' && path !== 'sys/custom_run_id'),
          ['sys/id', { attribute: attribute.string(`H-${index}`), rows: [{ type: 'string', string: `H-${index}` }] }],
          ['sys/custom_run_id', { attribute: attribute.string(id), rows: [{ type: 'string', string: id }] }],
        ];
        expected.set(
          id,
          own.flatMap(([path, { rows }]) => rows.map((row) => ({ path, ...row }) as Row)),
        );
        return { attributes: new Map(own.map(([path, made]) => [path, made.attribute])) };
      });
      server.replaceData({ projects: [{ path: project, key: 'H', runs: all }] });
      await exportsExactly('neptune3', server.token, project, expected, guarded);
    }),
    { numRuns: RUNS, endOnFailure: true, ...seed },
  );
});

const made2: fc.Arbitrary<Made<DemoAttribute2>> = fc.oneof(
  doubles.map((value) => ({
    attribute: attribute2.float(value),
    rows: [{ type: 'float', float: plainDouble(value) }],
  })),
  integers.map((value) => ({ attribute: attribute2.int(value), rows: [{ type: 'int', int: String(value) }] })),
  texts(true).map((value) => ({ attribute: attribute2.string(value), rows: [{ type: 'string', string: value }] })),
  fc.boolean().map((value) => ({ attribute: attribute2.bool(value), rows: [{ type: 'bool', bool: value }] })),
  times.map((value) => ({
    attribute: attribute2.datetime(value),
    rows: [{ type: 'datetime', datetime: String(value) }],
  })),
  fc.uniqueArray(texts(true), { maxLength: 4 }).map((value) => ({
    attribute: attribute2.stringSet(value),
    rows: [{ type: 'string_set', string_set: value }],
  })),
  pointsOf(doubles, 'float_series', (value) => ({ float: plainDouble(value) })).map(({ series, rows }) => ({
    attribute: attribute2.floats(series),
    rows,
  })),
  pointsOf(texts(true), 'string_series', (value) => ({ string: value })).map(({ series, rows }) => ({
    attribute: attribute2.strings(series),
    rows,
  })),
  content.map((bytes) => ({
    attribute: attribute2.file('x.bin', bytes),
    rows: [{ type: 'file', content: bytes.toString('base64') }],
  })),
  fc
    .array(fc.tuple(fc.constantFrom('image/png', 'image/svg+xml', 'image/../x', 'x'), content), { maxLength: 3 })
    .map((images) => ({
      attribute: attribute2.images(
        seriesOf(images.map(([mimeType, bytes], index) => [index, 0, { ...contentOf(bytes), mimeType }] as const)),
      ),
      rows: images.map(([, bytes], index) => ({
        type: 'file_series',
        step: String(index * 1_000_000),
        content: bytes.toString('base64'),
      })),
    })),
);

test('neptune2: names and values of any kind come back exactly, and nothing lies outside', async (t) => {
  const server = await startNeptune2DemoServer({ data: { projects: [] } });
  t.after(() => server.close());
  const guarded = await guardedFolder(t);
  const runs = fc.array(attributesOf(made2), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(projects, runs, async (project, content) => {
      const expected: Expected = new Map();
      const all = content.map((attributes, index): DemoContainer => {
        const id = `H-${index}`;
        const own: [string, Made<DemoAttribute2>][] = [
          ...attributes.filter(([path]) => !path.startsWith('sys/')),
          ['sys/id', { attribute: attribute2.string(id), rows: [{ type: 'string', string: id }] }],
          ['sys/trashed', { attribute: attribute2.bool(false), rows: [{ type: 'bool', bool: false }] }],
        ];
        expected.set(
          id,
          own.flatMap(([path, { rows }]) => rows.map((row) => wellFormed({ path, ...row }) as Row)),
        );
        return { attributes: new Map(own.map(([path, made]) => [path, made.attribute])) };
      });
      server.replaceData({ projects: [{ path: project, key: 'H', runs: all }] });
      await exportsExactly('neptune2', server.token, project, expected, guarded);
    }),
    { numRuns: RUNS, endOnFailure: true, ...seed },
  );
});

test('neptune2: of a name that no address can carry the values come, and what would have to be asked for is told', async (t) => {
  const own: [string, DemoAttribute2][] = [
    ['sys/id', attribute2.string('H-1')],
    ['sys/trashed', attribute2.bool(false)],
    ['a\ud800', attribute2.string('a value')],
    ['b\ud800', attribute2.file('x.bin', 'x')],
    ['c\ud800', attribute2.floats(seriesOf([[0, 0, 1]]))],
    ['d', attribute2.floats(seriesOf([[0, 0, 1]]))],
  ];
  const project = { path: 'ws/project', key: 'H', runs: [{ attributes: new Map(own) }] };
  const server = await startNeptune2DemoServer({ data: { projects: [project] } });
  t.after(() => server.close());
  const folder = await tempFolder(t);
  const ended = await exportInto({ name: 'neptune2', token: server.token, folder, project: 'ws/project' });
  assert.equal(ended.code, 3);
  assert.deepEqual(ended.failures.map(({ attributePath, code }) => `${attributePath?.toWellFormed()} ${code}`).sort(), [
    'b\ufffd unsupported',
    'c\ufffd unsupported',
  ]);
  const rows = (await archived(folder, 'ws/project')).get('H-1')!;
  assert.deepEqual(
    rows
      .map(({ path, string, float }) => [path, string ?? float])
      .filter(([path]) => !/^sys/.test(`${path}`))
      .sort(),
    [
      ['a\ufffd', 'a value'],
      ['b\ufffd', undefined],
      ['d', '3ff0000000000000'],
    ],
  );
});

for (const name of ['neptune3', 'neptune2'] as const) {
  test(`${name}: no name of a project, run or file leads outside, whatever it is`, async (t) => {
    const guarded = await guardedFolder(t);
    const { folder, check, empty } = guarded;
    const files = fc.uniqueArray(fc.tuple(names, fc.constantFrom('file' as const, 'artifact' as const)), {
      maxLength: 12,
      selector: ([path]) => path,
    });
    const runs = fc.uniqueArray(fc.tuple(names, files), { minLength: 1, maxLength: 5, selector: ([id]) => id });
    await fc.assert(
      fc.asyncProperty(names, runs, async (project, content) => {
        await empty();
        const expected: Expected = new Map();
        const entries = content.map(([id, own]): [string, object] => {
          const rows: Row[] = own.map(([path, type], index) => {
            const text = `${id} ${index}`;
            return { path, type: name === 'neptune3' ? 'file' : type, content: Buffer.from(text).toString('base64') };
          });
          expected.set(id, [{ path: 'sys/id', type: 'string', string: id }, ...rows]);
          const given = rows.map(({ path, type }, index) => ({
            attributePath: path,
            type: type as 'file',
            content: `${id} ${index}`,
          }));
          return [id, { rows: [{ path: 'sys/id', type: 'string', value: id }], files: given }];
        });
        const source = fakeSource(name, Object.fromEntries([[project, { runs: Object.fromEntries(entries) }]]));
        const { code, failures, error } = await exportInto({ name, token: TOKEN, folder, project, source });
        assert.equal(code, 0, JSON.stringify([error?.message, failures]));
        await check();
        assertSame(await archived(folder, project), expected);
        assert.deepEqual(await leftovers(join(folder, 'data')), []);
      }),
      { numRuns: RUNS, endOnFailure: true, ...seed },
    );
  });
}

/** Of a server that nobody asks. */
const TOKEN = Buffer.from(JSON.stringify({ api_address: 'http://127.0.0.1:1' })).toString('base64');
