// What a case of the bench gets, and what it gives.

import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PythonEnvironment } from '../tests/counterparts/python.ts';
import { type Command, type Comparison, compare, type Outcome } from './measure.ts';
import type { Speed } from './micro.ts';

const PROGRAM = join(import.meta.dirname, '..', 'bin', 'neptune-exporter.js');

export interface BenchCase {
  name: string;
  /** What is measured, in a few words. */
  about: string;
  /** Tells each line of its table when it is there. */
  run(bench: Bench): Promise<void>;
}

export interface BenchOptions {
  /** An empty folder for all data. */
  folder: string;
  rounds: number;
  /** Share of the usual size, for a quick look. */
  scale: number;
  python(name: PythonEnvironment): Promise<string>;
  /** Path of the official exporter's program, if there is one to measure against. */
  official: string | undefined;
  tell(outcome: Outcome): void;
  tellSpeed(speed: Speed): void;
}

export class Bench {
  readonly folder: string;
  readonly rounds: number;
  readonly official: string | undefined;
  readonly python: BenchOptions['python'];
  readonly tellSpeed: BenchOptions['tellSpeed'];
  readonly #options: BenchOptions;

  constructor(options: BenchOptions) {
    this.#options = options;
    this.folder = options.folder;
    this.rounds = options.rounds;
    this.official = options.official;
    this.python = options.python;
    this.tellSpeed = options.tellSpeed;
  }

  /** The number, made smaller by the scale, but at least 1. */
  scaled(count: number): number {
    return Math.max(1, Math.round(count * this.#options.scale));
  }

  /** The program as it is installed, without what it draws. */
  program(args: string[], env: Record<string, string> = {}): Command {
    return { argv: [process.execPath, PROGRAM, ...args], env };
  }

  /** A script of `peers/` with the Python that has its client. */
  async peer(
    environment: PythonEnvironment,
    script: string,
    env: Record<string, string> = {},
  ): Promise<(...args: string[]) => Command> {
    const python = await this.python(environment);
    const library = join(dirname(await this.python('neptune3')), '..', 'lib');
    const version = (await readdir(library)).find((name) => name.startsWith('python')) ?? '';
    const packages = { BENCH_PACKAGES: join(library, version, 'site-packages') };
    return (...args) => ({ argv: [python, peerScript(script), ...args], env: { ...packages, ...env } });
  }

  /** A folder of the bench's that isn't there yet. */
  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  async compare(comparison: Comparison): Promise<void> {
    this.#options.tell(await compare(await this.python('neptune3'), comparison, this.#options.rounds));
  }
}

/** Path of a peer's script. */
export function peerScript(name: string): string {
  return join(import.meta.dirname, 'peers', name);
}

/** Options of our commands that keep them from drawing, and their log out of the working folder. */
export function quiet(bench: Bench): string[] {
  return ['--no-progress', '--log-file', bench.path('log')];
}
