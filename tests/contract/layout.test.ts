// The data layout on disk and the parquet schema of the first version's README, and which runs a second export skips.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, type SchemaElement } from 'hyparquet';
import { diskName, partName } from '../../src/archive/names.ts';
import { RunWriter } from '../../src/archive/writer.ts';
import type { VerifyReport } from '../../src/cli/verify-report.ts';
import { strings } from '../helpers/archive-runs.ts';
import { runCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';
import * as commands from './commands.ts';
import { assertDone, shell } from './shell.ts';

/** `NAME: TYPE` of each column as parquet itself has it, nested ones as `PARENT.NAME`. */
function columnsOf(schema: readonly SchemaElement[]): string[] {
  const columns: string[] = [];
  let at = 1;
  const read = (prefix: string) => {
    const one = schema[at++]!;
    const name = `${prefix}${one.name}`;
    for (let child = 0; child < (one.num_children ?? 0); child++) read(`${name}.`);
    if (one.num_children) return;
    const { logical_type: logical } = one;
    let type = one.type?.toLowerCase() ?? '';
    if (logical?.type === 'STRING') type = 'string';
    else if (logical?.type === 'DECIMAL') type = `decimal(${logical.precision},${logical.scale})`;
    else if (logical?.type === 'TIMESTAMP')
      type = `timestamp(${logical.unit}, ${logical.isAdjustedToUTC ? 'UTC' : ''})`;
    columns.push(`${name}: ${type}`);
  };
  while (at < schema.length) read('');
  return columns;
}

test('folders, parts, columns and records are where and what the README says', async (t) => {
  const { cwd, type } = await shell(t);
  assertDone(await type(commands.EXPORT));
  const project = diskName('my-org/my-project');
  assert.match(project, /^my-org_my-project-[0-9a-f]{16}$/);
  const [data, files] = ['data', 'files'].map((name) => join(cwd, 'exports', name)) as [string, string];
  assert.deepEqual([await readdir(data), await readdir(files)], [[project], [project]]);
  const parts = (await readdir(join(data, project))).filter((name) => name.endsWith('.parquet'));
  assert.deepEqual(parts.sort(), ['RUN-1', 'RUN-2', 'other'].map((id) => `${diskName(id)}_part_0.parquet`).sort());

  const file = await asyncBufferFromFile(join(data, project, partName(diskName('RUN-2'), 0)));
  const { schema, row_groups } = await parquetMetadataAsync(file);
  assert.deepEqual(columnsOf(schema), [
    'project_id: string',
    'run_id: string',
    'attribute_path: string',
    'attribute_type: string',
    'step: decimal(18,6)',
    'timestamp: timestamp(MILLIS, UTC)',
    'int_value: int64',
    'float_value: double',
    'string_value: string',
    'bool_value: boolean',
    'datetime_value: timestamp(MILLIS, UTC)',
    'string_set_value.list.element: string',
    'file_value.path: string',
    'histogram_value.type: string',
    'histogram_value.edges.list.element: double',
    'histogram_value.values.list.element: double',
  ]);
  const codecs = row_groups.flatMap(({ columns }) => columns.map(({ meta_data }) => meta_data?.codec));
  assert.deepEqual([...new Set(codecs)], ['SNAPPY']);

  const rows = await parquetReadObjects({ file });
  assert.ok(rows.length > 10);
  for (const { project_id, run_id, attribute_type, attribute_path, step, timestamp, file_value } of rows) {
    assert.deepEqual([project_id, run_id], ['my-org/my-project', 'RUN-2']);
    const isSeries = String(attribute_type).endsWith('_series');
    const nulls = [step, timestamp].map((value) => value === null || value === undefined);
    assert.deepEqual(nulls, [!isSeries, !isSeries], String(attribute_path));
    if (attribute_type !== 'file') continue;
    const { path } = file_value as { path: string };
    assert.equal(await readFile(join(files, project, path), 'utf8'), 'notes of RUN-2');
  }
});

test('a run is complete once its part_0 is there; without it the run is exported again', async (t) => {
  const { cwd, type } = await shell(t);
  const project = join(cwd, 'exports', 'data', diskName('my-org/my-project'));
  assertDone(await type(commands.EXPORT));
  // As the official exporter leaves a run: nothing but its parts.
  await rm(join(project, '_runs'), { recursive: true });
  const again = await type(commands.EXPORT);
  assertDone(again);
  assert.match(again.stderr, /^ {2}Runs: 3 matched, 0 exported, 3 skipped \(there already\)/m);
  await rm(join(project, partName(diskName('RUN-1'), 0)));
  const one = await type(commands.EXPORT);
  assertDone(one);
  assert.match(one.stderr, /^ {2}Runs: 3 matched, 1 exported, 2 skipped \(there already\)/m);
  const verified = await runCli(['verify', '--json'], { cwd });
  assert.equal(verified.code, 0, verified.stderr);
  const { runs, unverified } = JSON.parse(verified.stdout) as VerifyReport;
  assert.deepEqual([runs, unverified], [3, 2], 'found in the default folders');
});

test('parts roll over at about 50 MB', async (t) => {
  const dataPath = await tempFolder(t);
  const writer = await RunWriter.create({ dataPath, projectId: 'ws/p', runId: 'r' });
  for (let step = 0; step < 60; step++) {
    // Random text: hardly compressed.
    await writer.append(strings('log', [[String(step), step, randomBytes(750_000).toString('base64')]]));
  }
  const { parts } = await writer.finish();
  assert.deepEqual(
    parts.map(({ name }) => name),
    [0, 1].map((part) => partName(diskName('r'), part)),
  );
  const { size } = await stat(join(writer.directory, parts[0]!.name));
  assert.ok(size > 45e6 && size < 65e6, `${size} bytes`);
});
