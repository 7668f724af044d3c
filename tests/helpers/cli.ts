// Runs the program from the outside, as a shell does.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

export const ROOT = join(import.meta.dirname, '..', '..');
export const PROGRAM = join(import.meta.dirname, 'run-source.ts');

export interface CliResult {
  /** Null if a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  cwd: string;
  /** Added to an environment that holds nothing of the developer's own. */
  env?: Record<string, string>;
}

/** An environment without Neptune, MLflow and colour settings of the machine that runs the tests. */
export function cleanEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  const { PATH = '', HOME = '', TMPDIR } = process.env;
  return { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), ...extra };
}

/** Starts the program and leaves it running. */
export function startCli(
  args: string[],
  { cwd, env }: CliOptions,
): ChildProcess & { stdout: Readable; stderr: Readable } {
  return spawn(process.execPath, [PROGRAM, ...args], {
    cwd,
    env: cleanEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Collects what a process says until it ends. */
export async function outcome(child: ChildProcess & { stdout: Readable; stderr: Readable }): Promise<CliResult> {
  const result: CliResult = { code: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    result.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    result.stderr += text;
  });
  const [code] = await once(child, 'close');
  return { ...result, code };
}

/** Runs the program to its end. */
export function runCli(args: string[], options: CliOptions): Promise<CliResult> {
  return outcome(startCli(args, options));
}
