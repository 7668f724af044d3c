// Whatever a run holds, every reader finds exactly that in its parts: ours, pyarrow, DuckDB, hyparquet.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';

import fc from 'fast-check';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';

import { openArchive, readBatches } from '../../src/archive/reader.ts';
import { RunWriter } from '../../src/archive/writer.ts';
import type { Batch } from '../../src/model/batches.ts';
import { python } from '../counterparts/python.ts';
import { tempFolder } from '../helpers/temp.ts';
import { batches, ids } from './arbitraries.ts';
import { byAttribute, type PlainRow, plainDouble, plainRows } from './rows.ts';

const run = promisify(execFile);
const PROJECT = 'ws/prøject';

/** Writes a run and returns its parts. Small groups and parts, so that there are several. */
async function write(dataPath: string, runId: string, content: Batch[], rowGroupBytes?: number): Promise<string[]> {
  const writer = await RunWriter.create({
    dataPath,
    projectId: PROJECT,
    runId,
    partBytes: 4000,
    ...(rowGroupBytes === undefined ? {} : { rowGroupBytes }),
  });
  for (const batch of content) await writer.append(batch);
  const { parts } = await writer.finish();
  return parts.map((part) => join(writer.directory, part.name));
}

test('our reader finds what was written, whatever it is', async (t) => {
  const dataPath = await tempFolder(t);
  let number = 0;
  await fc.assert(
    fc.asyncProperty(batches, ids, fc.constantFrom(1, 500, 1 << 20), async (content, id, rowGroupBytes) => {
      const runId = `${id}#${number++}`;
      const parts = await write(dataPath, runId, content, rowGroupBytes);
      const archive = await openArchive(dataPath);
      const [project] = archive.projects();
      assert.ok(project);
      assert.equal(project.projectId, PROJECT);
      let found: PlainRow[] | undefined;
      for await (const entry of archive.runs(project)) {
        if (entry.runId !== runId) continue;
        assert.deepEqual(entry.parts, parts);
        found = [];
        for await (const batch of readBatches(entry)) found.push(...plainRows(batch));
      }
      assert.ok(found, `the run ${runId} is not in the archive`);
      assert.deepEqual(byAttribute(found), byAttribute(content.flatMap(plainRows)));
    }),
    { numRuns: 150 },
  );
});

test('pyarrow, DuckDB and hyparquet find what was written, in its order', async (t) => {
  const dataPath = await tempFolder(t);
  const expected: PlainRow[] = [];
  const parts: string[] = [];
  for (const [index, content] of fc.sample(batches, 60).entries()) {
    const runId = `run ${index}`;
    parts.push(...(await write(dataPath, runId, content, index % 2 ? 2000 : undefined)));
    for (const row of content.flatMap(plainRows)) expected.push({ project: PROJECT, run: runId, ...row });
  }
  assert.ok(expected.length > 500, 'too few rows for a proof');
  for (const reader of ['pyarrow', 'duckdb']) {
    const script = join(import.meta.dirname, 'read_rows.py');
    const { stdout } = await run(await python('neptune3'), [script, reader, ...parts], { maxBuffer: 1 << 30 });
    const found = stdout.split('\n').filter((line) => line !== '');
    assert.deepEqual(
      found.map((line) => JSON.parse(line)),
      expected,
      reader,
    );
  }
  const found: PlainRow[] = [];
  for (const part of parts) found.push(...(await readWithHyparquet(part)));
  assert.deepEqual(found, expected.map(withoutWhatHyparquetRounds));
});

/** hyparquet makes doubles of decimals. */
function withoutWhatHyparquetRounds({ step, ...row }: PlainRow): PlainRow {
  return row;
}

async function readWithHyparquet(path: string): Promise<PlainRow[]> {
  const time = (milliseconds: bigint) => milliseconds as unknown as Date;
  const rows = await parquetReadObjects({
    file: await asyncBufferFromFile(path),
    parsers: { timestampFromMilliseconds: time },
  });
  return rows.map((row) => {
    const found: Record<string, unknown> = {
      project: row.project_id,
      run: row.run_id,
      path: row.attribute_path,
      type: row.attribute_type,
    };
    const note = (name: string, value: unknown, plain: (value: never) => unknown = (same) => same) => {
      if (value !== null && value !== undefined) found[name] = plain(value as never);
    };
    note('timestamp', row.timestamp, String);
    note('int', row.int_value, String);
    note('float', row.float_value, plainDouble);
    note('string', row.string_value);
    note('bool', row.bool_value);
    note('datetime', row.datetime_value, String);
    note('string_set', row.string_set_value);
    note('file', row.file_value?.path);
    note('histogram', row.histogram_value, ({ type, edges, values }: Record<string, number[]>) => ({
      type: type ?? null,
      edges: edges?.map(plainDouble),
      values: values?.map(plainDouble),
    }));
    return found as PlainRow;
  });
}
