// Float series as one parquet file, read by pyarrow.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import type { FloatSeriesBatch } from '../../src/model/batches.ts';
import { fileHash } from '../../src/targets/file-hash.ts';
import { SeriesParquet } from '../../src/targets/series-parquet.ts';
import { python } from '../counterparts/python.ts';
import { floats, line } from '../helpers/archive-runs.ts';
import { tempFolder } from '../helpers/temp.ts';

const READ = `
import json, sys
import pyarrow as pa, pyarrow.parquet as pq
table = pq.read_table(sys.argv[1])
columns = {name: table.column(name) for name in table.column_names}
rows = len(table)
pick = range(rows) if rows < 100 else [0, 1, rows // 2, rows - 1]
print(json.dumps({
  "schema": {field.name: str(field.type) for field in table.schema},
  "rows": rows,
  "groups": pq.ParquetFile(sys.argv[1]).num_row_groups,
  "some": [[columns["attribute_path"][i].as_py(), str(columns["step"][i].as_py()),
            columns["timestamp"].cast(pa.int64())[i].as_py(), repr(columns["value"][i].as_py())] for i in pick],
}))
`;

interface Read {
  schema: Record<string, string>;
  rows: number;
  groups: number;
  some: [path: string, step: string, time: number | null, value: string][];
}

async function read(file: string): Promise<Read> {
  const { stdout } = await promisify(execFile)(await python('mlflow'), ['-c', READ, file]);
  return JSON.parse(stdout) as Read;
}

test('steps, times and values are there to the last bit; nulls are nulls', async (t) => {
  const file = join(await tempFolder(t), 'series.parquet');
  const writer = new SeriesParquet(file);
  const noStep: FloatSeriesBatch = {
    ...floats('größe/日本', [
      ['7', 1, 1],
      ['8', 2, 2],
    ]),
    stepValid: Uint8Array.from([0, 1]),
  };
  await writer.add(
    floats('a', [
      ['-0.000001', -1, Number.NaN],
      ['999999999999.999999', 1_700_000_000_001, Number.POSITIVE_INFINITY],
      ['1', null, -0],
      ['2', 3, null],
      ['3', 4, 5e-324],
    ]),
  );
  await writer.add(noStep);
  await writer.add(floats('a', [['4', 5, 0.1]]));
  const { bytes, sha256 } = await writer.finish();
  const content = await readFile(file);
  assert.deepEqual([content.length, await fileHash(file)], [bytes, sha256]);
  assert.deepEqual(await read(file), {
    schema: {
      attribute_path: 'string',
      step: 'decimal128(18, 6)',
      timestamp: 'timestamp[ms, tz=UTC]',
      value: 'double',
    },
    rows: 8,
    groups: 1,
    some: [
      ['a', '-0.000001', -1, 'nan'],
      ['a', '999999999999.999999', 1_700_000_000_001, 'inf'],
      ['a', '1.000000', null, '-0.0'],
      ['a', '2.000000', 3, 'None'],
      ['a', '3.000000', 4, '5e-324'],
      ['größe/日本', 'None', 1, '1.0'],
      ['größe/日本', '8.000000', 2, '2.0'],
      ['a', '4.000000', 5, '0.1'],
    ],
  });
});

test('long series fill row groups, and the bytes do not depend on the pieces they come in', async (t) => {
  const folder = await tempFolder(t);
  const points = line(300_000, 1 / 7);
  const hashes = [];
  for (const piece of [300_000, 7001]) {
    const writer = new SeriesParquet(join(folder, `${piece}`));
    for (let from = 0; from < points.length; from += piece) {
      await writer.add(floats('m', points.slice(from, from + piece)));
    }
    hashes.push((await writer.finish()).sha256);
  }
  assert.equal(hashes[0], hashes[1]);
  const { rows, groups, some } = await read(join(folder, '7001'));
  assert.deepEqual([rows, groups], [300_000, 3]);
  assert.deepEqual(some.at(-1), ['m', '299999.000000', 1_700_000_299_999, '42857.0']);
});

test('a file without rows is one', async (t) => {
  const file = join(await tempFolder(t), 'none.parquet');
  await new SeriesParquet(file).finish();
  const { rows } = await read(file);
  assert.equal(rows, 0);
});

test('many series and no value at all', async (t) => {
  const file = join(await tempFolder(t), 'many.parquet');
  const writer = new SeriesParquet(file);
  for (let i = 0; i < 1000; i++) await writer.add(floats(`metric/${i}`, [['0', null, null]]));
  await writer.finish();
  const { rows, some } = await read(file);
  assert.equal(rows, 1000);
  assert.deepEqual(some.at(-1), ['metric/999', '0.000000', null, 'None']);
});
