// `--runs-file`: the run ids that somebody wrote down.

import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { usageError } from './errors.ts';
import type { Terminal } from './terminal.ts';

const STANDARD_INPUT = '-';

/**
 * Reads run ids, one a line; `-` is standard input. Blank lines don't count, and an id that comes twice counts once.
 * Blanks beside an id belong to it: Neptune 3 allows them.
 * @throws ExporterError `usage` if the file can't be read, is no UTF-8 text or holds no id
 */
export async function readRunIds(path: string, terminal: Terminal): Promise<string[]> {
  const name = path === STANDARD_INPUT ? 'standard input' : `the file '${path}'`;
  const bytes = await (path === STANDARD_INPUT ? readStandardInput(terminal) : readFile(path)).catch(
    (error: NodeJS.ErrnoException) => {
      throw usageError(`--runs-file: ${name} can't be read${reasonOf(error)}.`, 'Pass a file with one run id a line.');
    },
  );
  const ids = decode(bytes, name)
    .split(/\r?\n|\r/)
    .filter((line) => line.trim() !== '');
  if (ids.length === 0) throw usageError(`--runs-file: ${name} has no run ids.`, 'Pass a file with one run id a line.');
  return [...new Set(ids)];
}

function readStandardInput(terminal: Terminal): Promise<Buffer> {
  if (process.stdin.isTTY) terminal.line('Type run ids, one a line; Ctrl-D ends.');
  return buffer(process.stdin);
}

function reasonOf({ code }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return ': there is no such file';
  if (code === 'EISDIR') return ': it is a folder';
  if (code === 'EACCES' || code === 'EPERM') return ': you may not read it';
  return code === undefined ? '' : ` (${code})`;
}

/** Without a byte order mark, as Windows programs like to write one. */
function decode(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw usageError(`--runs-file: ${name} is no UTF-8 text.`, 'Save it as UTF-8.');
  }
}
