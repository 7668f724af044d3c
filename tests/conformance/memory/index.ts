// The example of a target: loads runs into the memory service. docs/adding-a-target.md walks through it.

import { HttpClient } from '../../../src/http/client.ts';
import type { SeriesType } from '../../../src/model/attributes.ts';
import type { Logger } from '../../../src/model/logger.ts';
import type { RunInfo } from '../../../src/model/runs.ts';
import type { FoundRun, OpenOptions, RunContent, RunForecast, Target, TargetRun } from '../../../src/targets/target.ts';
import { MemoryClient } from './client.ts';
import { foreseen, groupOf, idOf, keyOf, markOf, nameOf, runKeys, WHOLE_STEPS } from './mapping.ts';
import { MemoryRun } from './run.ts';
import type { RunHead } from './service.ts';

export interface MemoryTargetOptions {
  url: string;
  token: string;
  namePrefix: string;
  /** For all tries of a request. */
  budgetMs?: number;
  logger?: Logger;
  signal?: AbortSignal;
}

export class MemoryTarget implements Target {
  readonly name = 'memory';
  readonly wholeSteps: ReadonlySet<SeriesType> = WHOLE_STEPS;
  readonly valueNotes = { nan: 'NaN is kept', infinity: 'infinities are kept' };
  readonly #options: MemoryTargetOptions;
  readonly #http: HttpClient;

  constructor(options: MemoryTargetOptions) {
    this.#options = options;
    const { budgetMs, logger, signal } = options;
    this.#http = new HttpClient({
      userAgent: 'memory-target',
      concurrency: 4,
      ...(budgetMs === undefined ? {} : { retry: { budgetMs } }),
      ...(logger ? { logger } : {}),
      ...(signal ? { signal } : {}),
    });
  }

  get address(): string {
    return this.#options.url;
  }

  async connect(): Promise<void> {
    await this.#client().runs();
  }

  async hasGroup(name: string): Promise<boolean> {
    return (await this.#client().runs()).some(({ group }) => group === name);
  }

  forecast(run: RunInfo, content: Parameters<Target['forecast']>[1]): RunForecast {
    const { namePrefix } = this.#options;
    return { group: groupOf(run, namePrefix), name: nameOf(run), alterations: foreseen(content).all };
  }

  async find(run: RunInfo, content: RunContent): Promise<FoundRun | undefined> {
    const all = await this.#client().runs();
    const own = this.#own(all, run);
    const whole = own.find(({ tags }) => tags.done === markOf(content));
    if (whole && own.length === 1) return { id: whole.id, state: 'whole' };
    // Beside a whole one: the load that replaces another did not get to its end.
    const half = whole ?? own.find(({ tags }) => tags.done === undefined);
    if (half) return { id: half.id, state: 'half' };
    const [other] = own;
    if (other) return { id: other.id, state: other.tags.done?.endsWith(`:${content.digest}`) ? 'rescaled' : 'changed' };
    const group = groupOf(run, this.#options.namePrefix);
    const foreign = all.find((one) => one.group === group && one.name === nameOf(run) && one.tags.key === undefined);
    return foreign && { id: foreign.id, state: 'foreign' };
  }

  async open(run: RunInfo, options: OpenOptions): Promise<TargetRun> {
    const client = this.#client(options.signal);
    const { namePrefix } = this.#options;
    const key = keyOf(run, namePrefix);
    const id = idOf(key, options);
    const others = this.#own(await client.runs(), run).filter((one) => one.id !== id);
    // Halves of another content are of no use to anybody; whole ones stay until this one is whole.
    for (const { id: half, tags } of others) if (tags.done === undefined) await client.deleteRun(half);
    const keys = runKeys(options.survey);
    const paths = JSON.stringify([...options.survey].map(([name, { path, type }]) => [keys.get(name), path, type]));
    const parent = options.parent === undefined ? {} : { parent: options.parent };
    const tags = { key, paths, ...parent };
    await client.putRun({ id, group: groupOf(run, namePrefix), name: nameOf(run), tags });
    return new MemoryRun(id, client, keys, options, async () => {
      await client.putTags(id, { done: markOf(options) });
      for (const { id: old, tags: known } of others) if (known.done !== undefined) await client.deleteRun(old);
    });
  }

  async relink(_run: RunInfo, { id }: FoundRun, parent: string): Promise<void> {
    await this.#client().putTags(id, { parent });
  }

  async close(): Promise<void> {
    await this.#http.close();
  }

  #own(all: RunHead[], run: RunInfo): RunHead[] {
    const key = keyOf(run, this.#options.namePrefix);
    return all.filter(({ tags }) => tags.key === key);
  }

  #client(signal = this.#options.signal): MemoryClient {
    const { url, token } = this.#options;
    return new MemoryClient({ http: this.#http, base: url, token, ...(signal ? { signal } : {}) });
  }
}
