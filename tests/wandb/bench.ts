// An emulated W&B server, an archive, and the program between them; what arrived is read by W&B's own Python API class.

import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { diskName } from '../../src/archive/names.ts';
import type { LoadReport } from '../../src/cli/load-report.ts';
import type { VerifyReport } from '../../src/cli/verify-report.ts';
import { startWandbServer, type WandbServer, type WandbServerOptions } from '../counterparts/wandb/server.ts';
import { type ReadWandbProject, readWandb } from '../counterparts/wandb-readback.ts';
import { type SampleRun, writeArchive } from '../helpers/archive-runs.ts';
import { type CliResult, runCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';
import { CONTENTS, LoadedRun } from './loaded-run.ts';

export const PROJECT = 'ws/proj';
/** Its name at W&B. */
export const WANDB_PROJECT = 'ws_proj';

/** What `load --dry-run --json` prints, as far as tests look at it. */
export interface Plan {
  steps: { multiplier: string; exact: string; collidingPoints: number };
  groups: { name: string; exists: boolean; runs: number }[];
  runs: {
    runId: string;
    name: string;
    group: string;
    state: string;
    alterations: { code: string; attributePath?: string; count: number; to?: string }[];
  }[];
}

export class WandbBench {
  readonly server: WandbServer;
  readonly folder: string;
  /** What the server refused, as `OPERATION STATUS MESSAGE`. */
  readonly refusals: string[];

  private constructor(server: WandbServer, folder: string, refusals: string[]) {
    this.server = server;
    this.folder = folder;
    this.refusals = refusals;
  }

  static async create(t: TestContext, options: WandbServerOptions = {}): Promise<WandbBench> {
    const refusals: string[] = [];
    const server = await startWandbServer({
      onRefusal: ({ operation, status, message }) => refusals.push(`${operation} ${status} ${message}`),
      ...options,
    });
    t.after(() => server.close());
    return new WandbBench(server, await tempFolder(t), refusals);
  }

  /** Writes runs into the archive, over those of the same id. */
  async write(...runs: SampleRun[]): Promise<void> {
    await writeArchive(join(this.folder, 'data'), runs);
  }

  /** Puts a file where those of the archive's project are. */
  async putFile(path: string, content: string | Buffer): Promise<string> {
    const place = join(this.folder, 'files', diskName(PROJECT), path);
    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, content);
    return place;
  }

  /** The program's environment: this server, its key, and a home without files of anybody. */
  get env(): Record<string, string> {
    const { url, apiKey } = this.server;
    return { WANDB_BASE_URL: url, WANDB_API_KEY: apiKey, HOME: this.folder, NEPTUNE_EXPORTER_RETRY_SECONDS: '60' };
  }

  async cli(command: 'load' | 'verify', args: string[] = [], env: Record<string, string> = {}): Promise<CliResult> {
    const place = ['--loader', 'wandb', '-d', 'data', '-f', 'files'];
    return runCli([command, ...place, ...args], { cwd: this.folder, env: { ...this.env, ...env } });
  }

  /** Loads; the exit code has to be this one. */
  async load(args: string[] = [], { code = 0, env = {} }: { code?: number; env?: Record<string, string> } = {}) {
    const result = await this.cli('load', ['--json', ...args], env);
    assert.equal(result.code, code, `${result.stderr}\n${result.stdout}\n${this.refusals.join('\n')}`);
    return { ...(JSON.parse(result.stdout) as LoadReport), stderr: result.stderr };
  }

  async plan(args: string[] = [], code = 0): Promise<Plan> {
    const result = await this.cli('load', ['--dry-run', '--json', ...args]);
    assert.equal(result.code, code, `${result.stderr}\n${result.stdout}`);
    return JSON.parse(result.stdout) as Plan;
  }

  async verify(args: string[] = []): Promise<VerifyReport & { code: number | null }> {
    const result = await this.cli('verify', ['--json', ...args]);
    assert.ok(result.code === 0 || result.code === 3, `${result.stderr}\n${result.stdout}`);
    return { ...(JSON.parse(result.stdout) as VerifyReport), code: result.code };
  }

  /** A project as W&B's own reader has it. */
  async read(project = WANDB_PROJECT): Promise<ReadWandbProject> {
    return readWandb(this.server, `${this.server.entity}/${project}`, { contents: CONTENTS, tables: true });
  }

  /** The runs of a project, oldest first. */
  async runs(project = WANDB_PROJECT): Promise<LoadedRun[]> {
    return (await this.read(project)).runs.map((run) => new LoadedRun(run));
  }

  /** The only run of a project, or the only one of a name. */
  async run(name?: string, project = WANDB_PROJECT): Promise<LoadedRun> {
    const found = (await this.runs(project)).filter(({ run }) => name === undefined || run.name === name);
    assert.equal(found.length, 1, `one run ${name ?? ''}, not ${found.length}`);
    return found[0]!;
  }

  /** Writes these runs, loads them, and reads the only one, or the one of a name, back. */
  async loaded(runs: SampleRun[], args: string[] = [], name?: string): Promise<LoadedRun> {
    await this.write(...runs);
    const report = await this.load(args);
    assert.equal(report.loaded, runs.length);
    return this.run(name);
  }

  /** Requests of an operation that went well. */
  requests(operation: string): number {
    return this.server.requests.get(`${operation} 200`) ?? 0;
  }

  /** Everything that the program wrote into its folder but the archive. */
  async written(): Promise<string> {
    const names = (await readdir(this.folder, { withFileTypes: true })).filter((entry) => entry.isFile());
    const texts = await Promise.all(names.map(({ name }) => readFile(join(this.folder, name), 'utf8')));
    return texts.join('\n');
  }
}

/** How often something was altered, by code; but for names. */
export function codesOf({ alterationsByCode }: Pick<LoadReport, 'alterationsByCode'>): Record<string, number> {
  const names = ['renamed', 'key_collision'];
  return Object.fromEntries(Object.entries(alterationsByCode).filter(([code]) => !names.includes(code)));
}
