// The log: everything worth keeping goes to a file, what matters now also to the terminal.

import { appendFileSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, parse, resolve } from 'node:path';
import { ExporterError } from '../model/errors.ts';
import type { Logger } from '../model/logger.ts';
import type { Style, Terminal } from './terminal.ts';

type Level = 'debug' | 'info' | 'warn' | 'error';

const STYLE: Record<Level, Style | undefined> = { debug: 'dim', info: undefined, warn: 'yellow', error: 'red' };
const PREFIX: Record<Level, string> = { debug: '', info: '', warn: 'warning: ', error: 'error: ' };

/** The log file's path as given, with local date and time before its extension: contract of `--log-file`. */
export function logFilePath(path: string, now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  const { dir, name, ext } = parse(resolve(path));
  return resolve(dir, `${name}_${date}_${time}${ext}`);
}

export interface LogOptions {
  terminal: Terminal;
  redact: (text: string) => string;
  /** Also debug and info on the terminal, and debug in the file. */
  verbose: boolean;
  /** As the user gave it. */
  path: string;
  /** A path that was asked for must work; the default one may fail with a warning. */
  required: boolean;
}

/** The log of a command. Lines written to the file only go through `file`. */
export interface Log extends Logger {
  /** Absolute path, or undefined if there is no file. */
  readonly path: string | undefined;
  file(text: string): void;
}

/**
 * Opens the log file (its folder is made) and returns the logger over file and terminal.
 * @throws ExporterError `disk` if a required file can't be made
 */
export function openLog({ terminal, redact, verbose, path, required }: LogOptions): Log {
  const file = openFile(logFilePath(path, new Date()), required, terminal);
  const write = (level: Level, message: string) => {
    if (file === undefined || (level === 'debug' && !verbose)) return;
    // One line an entry's first line; what follows of a trace is indented, so that entries can be told apart.
    const text = redact(message).replaceAll('\n', '\n    ');
    writeSync(file.descriptor, `${new Date().toISOString()} ${level.toUpperCase().padEnd(5)} ${text}\n`);
  };
  const say = (level: Level, shown: boolean) => (message: string) => {
    write(level, message);
    if (shown) terminal.line(`${PREFIX[level]}${message}`, STYLE[level]);
  };
  return {
    path: file?.path,
    debug: say('debug', verbose),
    info: say('info', verbose),
    warn: say('warn', true),
    error: say('error', true),
    file: (text) => write('info', text),
  };
}

function openFile(path: string, required: boolean, terminal: Terminal) {
  try {
    mkdirSync(dirname(path), { recursive: true });
    return { path, descriptor: openSync(path, 'a') };
  } catch (cause) {
    if (required) {
      const hint = 'Choose another path with --log-file.';
      throw new ExporterError('disk', `The log file ${path} can't be written.`, { hint, cause });
    }
    terminal.line(`warning: the log file ${path} can't be written; going on without it`, 'yellow');
    return undefined;
  }
}

/** Appends one line to a text file, making its folder. Small and rare writes only: it blocks. */
export function appendLine(path: string, line: string): void {
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, `${line}\n`);
}
