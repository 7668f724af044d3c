// The log file and the error report: names, folders, content, secrets.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { createErrorReport } from '../../src/cli/error-report.ts';
import { type LogOptions, logFilePath, openLog } from '../../src/cli/logging.ts';
import { createTerminal, type OutputStream } from '../../src/cli/terminal.ts';
import { ExporterError, failureOf } from '../../src/model/errors.ts';
import { tempFolder } from '../helpers/temp.ts';

function talk() {
  const said = { text: '' };
  const write = (chunk: string) => {
    said.text += chunk;
    return true;
  };
  const stream = { write } as OutputStream;
  const redact = (text: string) => text.replaceAll('hidden', '***');
  return { said, redact, terminal: createTerminal({ stdout: stream, stderr: stream, env: {}, redact }) };
}

test('date and time go before the extension', () => {
  const now = new Date(2025, 0, 5, 14, 3, 9);
  assert.equal(logFilePath('/x/neptune_exporter.log', now), '/x/neptune_exporter_20250105_140309.log');
  assert.equal(logFilePath('/x/log', now), '/x/log_20250105_140309');
  assert.equal(logFilePath('/x/a.b.txt', now), '/x/a.b_20250105_140309.txt');
});

test('the file has everything from info on, the terminal warnings and errors; both without secrets', async (t) => {
  const folder = await tempFolder(t);
  const { said, redact, terminal } = talk();
  const log = openLog({
    terminal,
    redact,
    verbose: false,
    path: join(folder, 'new', 'folder', 'my.log'),
    required: true,
  });
  log.debug('details');
  log.info('hidden progress');
  log.warn('careful');
  log.error('broken\nhere');
  log.file('only in the file');
  assert.equal(said.text, 'warning: careful\nerror: broken\nhere\n');
  assert.match(log.path ?? '', /my_\d{8}_\d{6}\.log$/);
  const lines = readFileSync(log.path ?? '', 'utf8')
    .trimEnd()
    .split('\n');
  assert.deepEqual(
    lines.map((line) => line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z /, '')),
    ['INFO  *** progress', 'WARN  careful', 'ERROR broken', '    here', 'INFO  only in the file'],
  );
});

test('-v shows info and debug, and keeps debug in the file', async (t) => {
  const folder = await tempFolder(t);
  const { said, redact, terminal } = talk();
  const log = openLog({ terminal, redact, verbose: true, path: join(folder, 'a.log'), required: true });
  log.debug('details');
  log.info('news');
  assert.equal(said.text, 'details\nnews\n');
  assert.match(readFileSync(log.path ?? '', 'utf8'), /DEBUG details\n.*INFO {2}news\n/);
});

test('a log file that was asked for must be writable, the default one need not', async (t) => {
  const folder = await tempFolder(t);
  await writeFile(join(folder, 'file'), '');
  const { said, redact, terminal } = talk();
  const options: LogOptions = { terminal, redact, verbose: false, path: join(folder, 'file', 'a.log'), required: true };
  assert.throws(
    () => openLog(options),
    (error) => error instanceof ExporterError && error.code === 'disk' && error.message.includes('log file'),
  );
  const log = openLog({ ...options, required: false });
  assert.equal(log.path, undefined);
  log.info('goes nowhere');
  assert.match(said.text, /^warning: the log file .* can't be written; going on without it\n$/);
});

test('the error report appears with the first error and is appended to', async (t) => {
  const folder = await tempFolder(t);
  const path = join(folder, 'reports', 'errors.jsonl');
  const report = createErrorReport(path, (text) => text.replaceAll('hidden', '***'));
  assert.equal(existsSync(join(folder, 'reports')), false);
  const error = new ExporterError('bad_answer', 'the hidden answer is cut', { attempts: 4 });
  report.record('team/a', 'RUN-1', failureOf(error, { path: 'metrics/loss', type: 'float_series' }));
  createErrorReport(path, (text) => text).record('team/a', 'RUN-2', failureOf(new TypeError('odd')));
  assert.equal(report.count, 1);
  const lines = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const [first, second] = lines.map(({ time, ...rest }) => {
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    return rest;
  });
  assert.deepEqual(first, {
    project_id: 'team/a',
    run_id: 'RUN-1',
    attribute_path: 'metrics/loss',
    attribute_type: 'float_series',
    exception: 'BadAnswerError',
    message: 'the *** answer is cut',
    code: 'bad_answer',
    attempts: 4,
  });
  assert.deepEqual(second, {
    project_id: 'team/a',
    run_id: 'RUN-2',
    attribute_path: null,
    attribute_type: null,
    exception: 'InternalError',
    message: 'odd',
    code: 'internal',
    attempts: null,
  });
});
