// Reading archives: those of the official exporter exactly, damaged ones with a clear word, none beyond bounds.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';

import { writeManifest } from '../../src/archive/manifest.ts';
import { diskName, partName } from '../../src/archive/names.ts';
import { type Archive, openArchive, readBatches, readRunInfo } from '../../src/archive/reader.ts';
import type { ArchiveRun } from '../../src/archive/types.ts';
import { RunWriter } from '../../src/archive/writer.ts';
import { ATTRIBUTE_TYPES } from '../../src/model/attributes.ts';
import type { Batch } from '../../src/model/batches.ts';
import { ExporterError } from '../../src/model/errors.ts';
import { python } from '../counterparts/python.ts';
import { tempFolder } from '../helpers/temp.ts';
import { byAttribute, type PlainRow, plainDouble, plainRows } from './rows.ts';

const run = promisify(execFile);
const OFFICIAL = join(import.meta.dirname, '..', 'fixtures', 'official');

/** The fixture's own account of itself, see make_official.py. */
interface Expected {
  projectId: string;
  runs: Record<
    string,
    {
      scalars: Record<string, [string, unknown]>;
      series: Record<string, { type: string; steps: number[]; timestamps: number[]; values: unknown[] }>;
      files: Record<string, string>;
      absent: number;
    }
  >;
}

async function runsOf(archive: Archive): Promise<ArchiveRun[]> {
  const runs: ArchiveRun[] = [];
  for (const project of archive.projects()) for await (const entry of archive.runs(project)) runs.push(entry);
  return runs;
}

async function rowsOf(entry: ArchiveRun, options?: Parameters<typeof readBatches>[1]): Promise<PlainRow[]> {
  const rows: PlainRow[] = [];
  for await (const batch of readBatches(entry, options)) rows.push(...plainRows(batch));
  return rows;
}

function expectedRows(expected: Expected['runs'][string]): PlainRow[] {
  const rows: PlainRow[] = [];
  for (const [path, [type, value]] of Object.entries(expected.scalars)) {
    rows.push({
      path,
      type,
      [type]: type === 'float' ? plainDouble(Number(String(value).replace('inf', 'Infinity'))) : value,
    });
  }
  for (const [path, { type, steps, timestamps, values }] of Object.entries(expected.series)) {
    for (const [index, value] of values.entries()) {
      const point = { path, type, step: String(steps[index]), timestamp: String(timestamps[index]) };
      rows.push({ ...point, ...seriesValue(type, value) });
    }
  }
  for (const [path, file] of Object.entries(expected.files)) rows.push({ path, type: 'file', file });
  return rows;
}

function seriesValue(type: string, value: unknown): Record<string, unknown> {
  if (value === null) return {};
  if (type === 'float_series') return { float: plainDouble(Number(String(value).replace('inf', 'Infinity'))) };
  if (type === 'string_series') return { string: value };
  if (type === 'file_series') return { file: value };
  const { type: kind, edges, values } = value as { type: string; edges: number[]; values: number[] };
  return { histogram: { type: kind, edges: edges.map(plainDouble), values: values.map(plainDouble) } };
}

test('an archive of the official exporter is read exactly, mixed series and all', async () => {
  const expected: Expected = JSON.parse(await readFile(join(OFFICIAL, 'expected.json'), 'utf8'));
  const runs = await runsOf(await openArchive(join(OFFICIAL, 'data')));
  assert.deepEqual(runs.map(({ runId }) => runId).sort(), Object.keys(expected.runs).sort());
  for (const entry of runs) {
    const wanted = expected.runs[entry.runId]!;
    assert.equal(entry.projectId, expected.projectId);
    assert.equal(entry.manifest, undefined);
    let absent = 0;
    const rows = await rowsOf(entry, {
      onAbsent: ({ path, type, count }) => {
        absent += count;
        assert.ok(path !== '' && (ATTRIBUTE_TYPES as readonly string[]).includes(type));
        assert.ok(type === 'file_series' || !(path in wanted.scalars || path in wanted.files), path);
      },
    });
    assert.deepEqual(byAttribute(rows), byAttribute(expectedRows(wanted)), entry.runId);
    assert.equal(absent, wanted.absent);
  }
});

test('types and paths that are asked for are read, no others', async () => {
  const runs = await runsOf(await openArchive(join(OFFICIAL, 'data')));
  for (const entry of runs) {
    const all = await rowsOf(entry);
    for (const type of ATTRIBUTE_TYPES) {
      const rows = await rowsOf(entry, { types: [type] });
      assert.deepEqual(byAttribute(rows), byAttribute(all.filter((row) => row.type === type)), type);
    }
    for (const pathPrefix of ['sys/', 'train/', 'zzz', 'o']) {
      const rows = await rowsOf(entry, { pathPrefix });
      assert.deepEqual(
        byAttribute(rows),
        byAttribute(all.filter((row) => row.path.startsWith(pathPrefix))),
        pathPrefix,
      );
    }
  }
});

test('what a load must know of a run is found', async () => {
  const runs = await runsOf(await openArchive(join(OFFICIAL, 'data')));
  const fork = await readRunInfo(runs.find(({ runId }) => runId === 'fork of/RUN-1')!);
  const { sys, ...info } = fork;
  assert.deepEqual(info, {
    projectId: 'team.α/vision models',
    runId: 'fork of/RUN-1',
    customRunId: 'fork of/RUN-1',
    experimentName: 'baseline',
    parentRunId: 'RUN-1',
    forkStep: 20,
    creationTime: Date.UTC(2024, 2, 2, 12, 0, 0, 7),
  });
  assert.deepEqual([...sys.keys()].sort(), [
    'sys/creation_time',
    'sys/custom_run_id',
    'sys/forking/parent',
    'sys/forking/step',
    'sys/name',
  ]);
});

test('what is not an archive is refused with a hint', async (t) => {
  const folder = await tempFolder(t);
  const refused = async (path: string, message: RegExp) =>
    assert.rejects(openArchive(path), (error) => {
      assert.ok(error instanceof ExporterError && error.code === 'archive' && error.hint);
      assert.match(error.message, message);
      return true;
    });
  await refused(join(folder, 'nowhere'), /no folder/);
  await refused(folder, /empty/);
  await writeFile(join(folder, 'x_part_0.parquet'), 'PAR1');
  await refused(folder, /not an archive/);
  await refused(join(folder, 'x_part_0.parquet'), /Not a folder/);
  await mkdir(join(folder, 'p'));
  await writeFile(join(folder, 'p', 'x_part_1.parquet'), 'a leftover');
  await refused(folder, /not an archive/);
});

/** A copy of the official archive, and the folder of its project. */
async function copyOfOfficial(t: Parameters<typeof tempFolder>[0]): Promise<{ dataPath: string; folder: string }> {
  const dataPath = await tempFolder(t);
  await cp(join(OFFICIAL, 'data'), dataPath, { recursive: true });
  return { dataPath, folder: join(dataPath, (await readdir(dataPath))[0]!) };
}

test('a missing part is named, and the other runs are listed where that is asked for', async (t) => {
  const { dataPath, folder } = await copyOfOfficial(t);
  const [one, two] = [partName(diskName('RUN-1'), 1), partName(diskName('RUN-1'), 2)];
  await cp(join(folder, one), join(folder, two));
  await rm(join(folder, one));
  const archive = await openArchive(dataPath);
  await assert.rejects(runsOf(archive), { code: 'archive', message: new RegExp(one) });
  const damaged: string[] = [];
  const listed: string[] = [];
  for await (const entry of archive.runs(archive.projects()[0]!, (name) => damaged.push(name)))
    listed.push(entry.runId);
  assert.deepEqual(damaged, [diskName('RUN-1')]);
  assert.equal(listed.length, 2);
  await rm(join(folder, partName(diskName('RUN-1'), 0)));
  assert.equal((await runsOf(await openArchive(dataPath))).length, 2, 'a run without part_0 is not there');
});

/** Disk names of the damaged runs of all projects, with what is said of them. */
async function damageOf(archive: Archive): Promise<Record<string, string>> {
  const damaged: Record<string, string> = {};
  for (const project of archive.projects()) {
    for await (const _ of archive.runs(project, (name, error) => {
      damaged[name] = error.message;
    }));
  }
  return damaged;
}

test('a run whose part_0 is lost is damaged as long as its manifest is there', async (t) => {
  const { dataPath, folder } = await copyOfOfficial(t);
  const { manifest } = await emptyRun(dataPath, { projectId: 'team.α/vision models', runId: 'lost' });
  await writeManifest(dataPath, manifest);
  await writeFile(join(folder, '_runs', `${diskName('RUN-1')}.downloads.jsonl`), '');
  await rm(join(folder, partName(diskName('lost'), 0)));
  const archive = await openArchive(dataPath);
  const damaged = await damageOf(archive);
  assert.deepEqual(Object.keys(damaged), [diskName('lost')]);
  assert.match(damaged[diskName('lost')]!, /part_0\.parquet of the run lost is missing/);
  await assert.rejects(runsOf(archive), { code: 'archive' });
  // Alone in its project it is not overlooked either.
  for (const name of await readdir(folder)) if (name.endsWith('.parquet')) await rm(join(folder, name));
  const alone = await openArchive(dataPath);
  assert.equal(alone.projects()[0]?.projectId, 'team.α/vision models');
  assert.deepEqual(Object.keys(await damageOf(alone)), [diskName('lost')]);
});

test('a project without a readable run is listed, and the others are not held up', async (t) => {
  const { dataPath } = await copyOfOfficial(t);
  const { directory, manifest } = await emptyRun(dataPath, { projectId: 'ws/p', runId: 'r' });
  await writeManifest(dataPath, manifest);
  await truncate(join(directory, partName(diskName('r'), 0)), 20);
  await mkdir(join(dataPath, 'p'));
  await writeFile(join(dataPath, 'p', 'x_part_0.parquet'), 'this is not a parquet file');
  const archive = await openArchive(dataPath);
  assert.deepEqual(
    archive
      .projects()
      .map(({ projectId }) => projectId)
      .sort(),
    ['p', 'team.α/vision models', 'ws/p'],
  );
  const damaged = await damageOf(archive);
  assert.deepEqual(Object.keys(damaged).sort(), [diskName('r'), 'x']);
  assert.match(damaged.x!, /x_part_0\.parquet is damaged/);
});

/** A run without content, and a manifest for it that isn't written yet. */
async function emptyRun(dataPath: string, ids: { projectId: string; runId: string }) {
  const writer = await RunWriter.create({ ...ids, dataPath });
  const { parts, counts } = await writer.finish();
  const manifest = {
    format: 'neptune-exporter-run' as const,
    version: 1,
    status: 'complete' as const,
    ...ids,
    writtenBy: 'test',
    writtenAt: new Date(0).toISOString(),
    source: { name: 'test', address: '' },
    selection: { attributes: 'all' as const, classes: [], previews: false },
    parts,
    files: [],
    counts,
    failures: [],
  };
  return { directory: writer.directory, manifest };
}

test('a manifest that counts other parts, or is of another run, is not believed', async (t) => {
  const dataPath = await tempFolder(t);
  const { manifest } = await emptyRun(dataPath, { projectId: 'ws/p', runId: 'r' });
  const { parts } = manifest;
  await writeManifest(dataPath, manifest);
  assert.equal((await runsOf(await openArchive(dataPath)))[0]?.manifest?.runId, 'r');
  await writeManifest(dataPath, { ...manifest, parts: [...parts, { ...parts[0]!, name: 'r_part_1.parquet' }] });
  await assert.rejects(openArchive(dataPath).then(runsOf), {
    code: 'archive',
    message: /_part_1\.parquet of a run is missing/,
  });
  await writeManifest(dataPath, { ...manifest, parts: [] });
  await assert.rejects(openArchive(dataPath).then(runsOf), { code: 'archive', message: /manifest/ });
});

test('a cut or altered file is an error of the archive that names it, never anything else', async (t) => {
  const { dataPath, folder } = await copyOfOfficial(t);
  const [entry] = (await runsOf(await openArchive(dataPath))).filter(({ runId }) => runId === 'fork of/RUN-1');
  const path = join(folder, partName(entry!.diskName, 0));
  const whole = await readFile(path);
  const before = JSON.stringify([...byAttribute(await rowsOf(entry!))]);
  const check = async (what: string) => {
    try {
      await rowsOf(entry!);
      return true;
    } catch (error) {
      assert.ok(error instanceof ExporterError && error.code === 'archive', `${what}: ${error}`);
      assert.ok(error.message.includes(path), `${what}: ${error.message}`);
      return false;
    }
  };
  for (const size of [0, 4, 11, 100, whole.length >> 1, whole.length - 1]) {
    await writeFile(path, whole);
    await truncate(path, size);
    assert.equal(await check(`cut to ${size}`), false, `cut to ${size}`);
  }
  let noticed = 0;
  // A fixed stride hits headers, levels, values and the footer alike, and the same bytes every time.
  for (let at = 4; at < whole.length; at += 97) {
    const altered = Buffer.from(whole);
    altered[at]! ^= 1 << (at % 8);
    await writeFile(path, altered);
    if (!(await check(`altered at ${at}`))) noticed++;
  }
  assert.ok(noticed > 10, `only ${noticed} alterations were noticed`);
  await writeFile(path, whole);
  assert.equal(JSON.stringify([...byAttribute(await rowsOf(entry!))]), before);
  await rm(path);
  assert.equal(await check('gone'), false);
});

/** Writes rows of a run `r` of the project `p` as the official exporter does. `rows` is Python. */
async function writeForeign(dataPath: string, rows: string): Promise<void> {
  const script = `
import os, sys, decimal
import pyarrow as pa, pyarrow.parquet as pq
doubles = pa.list_(pa.float64())
schema = pa.schema([
    ("project_id", pa.string()), ("run_id", pa.string()), ("attribute_path", pa.string()), ("attribute_type", pa.string()),
    ("step", pa.decimal128(18, 6)), ("timestamp", pa.timestamp("ms", tz="UTC")), ("int_value", pa.int64()),
    ("float_value", pa.float64()), ("string_value", pa.string()), ("bool_value", pa.bool_()),
    ("datetime_value", pa.timestamp("ms", tz="UTC")), ("string_set_value", pa.list_(pa.string())),
    ("file_value", pa.struct([("path", pa.string())])),
    ("histogram_value", pa.struct([("type", pa.string()), ("edges", doubles), ("values", doubles)])),
])
def row(path, kind, **values):
    return {"project_id": "p", "run_id": "r", "attribute_path": path, "attribute_type": kind, **values}
def histogram(path, step, edges, values):
    value = {"type": "COUNTING", "edges": edges, "values": values}
    return row(path, "histogram_series", step=decimal.Decimal(step), timestamp=0, histogram_value=value)
rows = ${rows}
os.makedirs(os.path.join(sys.argv[1], "p"))
path = os.path.join(sys.argv[1], "p", "r-0000000000000000_part_0.parquet")
pq.write_table(pa.Table.from_pylist(rows, schema), path, data_page_size=1)`;
  await run(await python('neptune3'), ['-c', script, dataPath]);
}

test('a null among the edges or values of a histogram is NaN, and told; rows of nulls are told by attribute', async (t) => {
  const dataPath = await tempFolder(t);
  await writeForeign(
    dataPath,
    `[
      histogram("h", 0, [0, None, 2], [1, 2]), histogram("other", 0, [None], []), histogram("h", 1, [0, 1], [5]),
      histogram("h", 2, [], []), histogram("h", 3, [None, None], [None]), histogram("h", 4, [1, 2], [3]),
      row("lr", "float"), row("there", "float", float_value=1), row("model", "file"), row("best", "file", file_value={"path": "r/best"}),
    ]`,
  );
  const [entry] = await runsOf(await openArchive(dataPath));
  const nulls = new Map<string, number>();
  const absent: string[] = [];
  const listen: Parameters<typeof readBatches>[1] = {
    onNullInList: ({ path, type, count }) => {
      assert.equal(type, 'histogram_series');
      nulls.set(path, (nulls.get(path) ?? 0) + count);
    },
    onAbsent: ({ path, type, count }) => absent.push(`${type} ${path} ${count}`),
  };
  const rows = byAttribute(await rowsOf(entry!, listen));
  const lists = (path: string) =>
    rows.get(JSON.stringify(['histogram_series', path]))?.map(({ histogram }) => {
      const { edges, values } = histogram as { edges: string[]; values: string[] };
      return [edges, values];
    });
  const doubles = (...values: number[]) => values.map(plainDouble);
  assert.deepEqual(lists('h'), [
    [doubles(0, Number.NaN, 2), doubles(1, 2)],
    [doubles(0, 1), doubles(5)],
    [[], []],
    [doubles(Number.NaN, Number.NaN), doubles(Number.NaN)],
    [doubles(1, 2), doubles(3)],
  ]);
  assert.deepEqual(lists('other'), [[doubles(Number.NaN), []]]);
  assert.deepEqual(Object.fromEntries(nulls), { h: 4, other: 1 });
  assert.deepEqual(absent.sort(), ['file model 1', 'float lr 1']);
  // What isn't asked for isn't told either.
  nulls.clear();
  await rowsOf(entry!, { ...listen, pathPrefix: 'o' });
  assert.deepEqual([[...nulls.keys()], absent.length], [['other'], 2]);
});

test('a null among tags is damage', async (t) => {
  const dataPath = await tempFolder(t);
  await writeForeign(dataPath, `[row("tags", "string_set", string_set_value=["a", None])]`);
  const [entry] = await runsOf(await openArchive(dataPath));
  await assert.rejects(rowsOf(entry!), { code: 'archive', message: /string_set_value.* null/ });
});

test('pages and row groups of any number are the same to pyarrow and to us', async (t) => {
  const dataPath = await tempFolder(t);
  const writer = await RunWriter.create({ dataPath, projectId: 'ws/p', runId: 'large' });
  const length = 700_000;
  const batch: Batch = {
    kind: 'float_series',
    path: 'loss',
    length,
    steps: BigInt64Array.from({ length }, (_, index) => BigInt(index) * 250_000n),
    timestamps: BigInt64Array.from(
      { length },
      (_, index) => 1_700_000_000_000n + BigInt(index * 13 + (index % 11) ** 3),
    ),
    values: Float64Array.from({ length }, (_, index) => (index < 300_000 ? Math.sin(index) : index % 1000)),
  };
  await writer.append(batch);
  const { parts } = await writer.finish();
  const hash = (array: BigInt64Array | Float64Array) =>
    createHash('sha256')
      .update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
      .digest('hex');
  const expected = [batch.steps, batch.timestamps, batch.values].map(hash);
  const script = `
import hashlib, sys, numpy
import pyarrow as pa, pyarrow.parquet as pq
file = pq.ParquetFile(sys.argv[1])
table = file.read()
step = table["step"].cast(pa.decimal128(38, 6)).combine_chunks()

micro = numpy.frombuffer(step.buffers()[1], dtype="<i8")[::2]
for array in (micro, table["timestamp"].cast(pa.int64()).to_numpy(), table["float_value"].to_numpy()):
    print(hashlib.sha256(array.tobytes()).hexdigest())
print(file.metadata.num_row_groups)`;
  const { stdout } = await run(await python('neptune3'), ['-c', script, join(writer.directory, parts[0]!.name)]);
  const lines = stdout.trim().split('\n');
  assert.deepEqual(lines.slice(0, 3), expected);
  assert.ok(Number(lines[3]) > 1, 'one row group is no proof');
  const [entry] = await runsOf(await openArchive(dataPath));
  const found = {
    steps: new BigInt64Array(length),
    timestamps: new BigInt64Array(length),
    values: new Float64Array(length),
  };
  let at = 0;
  for await (const portion of readBatches(entry!)) {
    assert.ok(portion.kind === 'float_series' && portion.length <= 65_536, 'a batch is too large');
    found.steps.set(portion.steps, at);
    found.timestamps.set(portion.timestamps, at);
    found.values.set(portion.values, at);
    at += portion.length;
  }
  assert.deepEqual([found.steps, found.timestamps, found.values].map(hash), expected);
});
