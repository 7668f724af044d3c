// `--runs-file`: what counts as an id.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { readRunIds } from '../../src/cli/runs-file.ts';
import { createTerminal, type OutputStream } from '../../src/cli/terminal.ts';
import { ExporterError } from '../../src/model/errors.ts';
import { tempFolder } from '../helpers/temp.ts';

const silent: OutputStream = { write: () => true };
const terminal = createTerminal({ stdout: silent, stderr: silent, env: {}, redact: (text) => text });

async function idsOf(t: TestContext, content: string | Uint8Array): Promise<string[]> {
  const path = join(await tempFolder(t), 'ids.txt');
  await writeFile(path, content);
  return readRunIds(path, terminal);
}

function usage(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof ExporterError && error.code === 'usage' && message.test(error.message);
}

test('one id a line, each once and in their order; blank lines, BOM and CR are nothing', async (t) => {
  assert.deepEqual(await idsOf(t, '\ufeffRUN-2\r\n\r\n  \t\nRUN-1\nRUN-2\r\nrun with blanks, and #1\n'), [
    'RUN-2',
    'RUN-1',
    'run with blanks, and #1',
  ]);
  assert.deepEqual(await idsOf(t, 'no line break at the end'), ['no line break at the end']);
  assert.deepEqual(await idsOf(t, 'ночь\n夜\n🌙\n'), ['ночь', '夜', '🌙']);
});

test('blanks beside an id are part of it', async (t) => {
  assert.deepEqual(await idsOf(t, ' a\na \na\n'), [' a', 'a ', 'a']);
});

test('100,000 ids', async (t) => {
  const ids = Array.from({ length: 100_000 }, (_, index) => `RUN-${index}`);
  assert.deepEqual(await idsOf(t, ids.join('\n')), ids);
});

test('a file without ids, no text, no file', async (t) => {
  for (const content of ['', '\ufeff', '\n \r\n\t\n'])
    await assert.rejects(idsOf(t, content), usage(/has no run ids\.$/));
  const utf16 = Buffer.from('\ufeffRUN-1\n', 'utf16le');
  await assert.rejects(idsOf(t, utf16), usage(/is no UTF-8 text\.$/));
  await assert.rejects(
    readRunIds('/no/such/file', terminal),
    usage(/'\/no\/such\/file' can't be read: there is no such/),
  );
  await assert.rejects(readRunIds('', terminal), usage(/can't be read/));
});
