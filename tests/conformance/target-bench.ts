// A folder with an archive, and a prefix at a target's server to load it under: in this process, or by the program.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { diskName } from '../../src/archive/names.ts';
import { openArchive } from '../../src/archive/reader.ts';
import type { Failure } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { type LoadOptions, type LoadResult, loadArchive } from '../../src/transfer/load.ts';
import { type LoadPlan, planLoad } from '../../src/transfer/load-plan.ts';
import { type CliResult, runCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';
import type { ConnectOptions, HeldRun, TargetKit } from './target-kit.ts';

export const PROJECT = 'ws/proj';

export interface Loaded {
  result: LoadResult;
  failures: { runId: string; failure: Failure }[];
  warnings: string[];
  /** Everything that was said, debug messages too. */
  said: string[];
}

/** Of a load: another server, e.g. a proxy, and how the target is made. */
export type BenchOptions = Partial<LoadOptions> & ConnectOptions & { url?: string };

export class TargetBench {
  readonly folder: string;
  readonly prefix: string;
  readonly #kit: TargetKit;
  readonly #url: string;

  private constructor(folder: string, kit: TargetKit, url: string, prefix: string) {
    this.folder = folder;
    this.prefix = prefix;
    this.#kit = kit;
    this.#url = url;
  }

  static async create(t: TestContext, kit: TargetKit, url: string, prefix: string): Promise<TargetBench> {
    return new TargetBench(await tempFolder(t), kit, url, prefix);
  }

  /** The same archive under another prefix. */
  beside(prefix: string): TargetBench {
    return new TargetBench(this.folder, this.#kit, this.#url, prefix);
  }

  get data(): string {
    return join(this.folder, 'data');
  }

  get files(): string {
    return join(this.folder, 'files');
  }

  /** Puts a file where those of the project's archive are. @returns its place on disk */
  async putFile(path: string, content: string | Buffer): Promise<string> {
    const place = join(this.files, diskName(PROJECT), path);
    await mkdir(join(place, '..'), { recursive: true });
    await writeFile(place, content);
    return place;
  }

  async load({ url = this.#url, impatient = false, ...options }: BenchOptions = {}): Promise<Loaded> {
    const loaded: Omit<Loaded, 'result'> = { failures: [], warnings: [], said: [] };
    const say = (message: string) => void loaded.said.push(message);
    const warn = (message: string) => {
      say(message);
      loaded.warnings.push(message);
    };
    const logger: Logger = { debug: say, info: say, error: say, warn };
    const signal = options.signal ? { signal: options.signal } : {};
    const target = await this.#kit.target(url, this.prefix, { impatient, logger, ...signal });
    try {
      const result = await loadArchive({
        archive: await openArchive(this.data),
        filesPath: this.files,
        target,
        stepMultiplier: 1n,
        concurrency: 3,
        errorReport: { record: (_, runId, failure) => loaded.failures.push({ runId, failure }) },
        logger,
        ...options,
      });
      return { result, ...loaded };
    } finally {
      await target.close();
    }
  }

  /** The counts of a load that aren't zero. */
  async counts(options: BenchOptions = {}): Promise<Partial<Record<string, number>>> {
    const { alterations: _, alterationsByCode: __, stepMultiplier: ___, ...counts } = (await this.load(options)).result;
    return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
  }

  async plan(options: Pick<BenchOptions, 'stepMultiplier' | 'onStepCollision' | 'runs'> = {}): Promise<LoadPlan> {
    const target = await this.#kit.target(this.#url, this.prefix);
    try {
      const archive = await openArchive(this.data);
      const { signal } = new AbortController();
      return await planLoad({ stepMultiplier: 1n, ...options, archive, target, signal });
    } finally {
      await target.close();
    }
  }

  /** `load` of the program, for targets that it knows. */
  async cli(cli: NonNullable<TargetKit['cli']>, args: string[], url = this.#url, env = cli.env): Promise<CliResult> {
    const reach = ['--loader', this.#kit.name, '--name-prefix', this.prefix, ...cli.args(url)];
    const all = { ...env, ...cli.reach?.(url) };
    return runCli(['load', ...reach, '-d', 'data', '-f', 'files', ...args], { cwd: this.folder, env: all });
  }

  /** The runs that the target has, by name; two of one name fail the test. */
  async held(): Promise<Map<string, HeldRun>> {
    const runs = await this.#kit.readBack(this.#url, this.prefix);
    const byName = new Map(runs.map((run) => [run.name, run]));
    assert.equal(byName.size, runs.length, `each run once: ${runs.map(({ name }) => name).join(', ')}`);
    return byName;
  }

  /** All runs that the target has, in any order. */
  copies(): Promise<HeldRun[]> {
    return this.#kit.readBack(this.#url, this.prefix);
  }
}
