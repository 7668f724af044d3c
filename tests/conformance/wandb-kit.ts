// What the suite of targets needs to know of Weights & Biases: an emulated server, read back by W&B's own Python API class.

import { gunzipSync } from 'node:zlib';
import type { ScalarRow } from '../../src/model/batches.ts';
import { createTarget } from '../../src/targets/registry.ts';
import { API_KEY, startWandbServer, type WandbServer } from '../counterparts/wandb/server.ts';
import { readWandb } from '../counterparts/wandb-readback.ts';
import type { ProxiedRequest } from '../helpers/fault-proxy.ts';
import { CONTENTS, LoadedRun, numberOf, timeOf } from '../wandb/loaded-run.ts';
import { heldStep } from './target-data.ts';
import type { HeldHistogram, HeldPoint, HeldRun, TargetKit, TargetRoute } from './target-kit.ts';

const SCALARS = ['float', 'int', 'string', 'bool', 'datetime', 'string_set'];
const SOON = { NEPTUNE_EXPORTER_RETRY_SECONDS: '1' };

let server: WandbServer | undefined;

/** Nothing of the machine's user is read. */
const environment = (url: string) => ({ WANDB_BASE_URL: url, WANDB_API_KEY: API_KEY, NETRC: '/nonexistent' });

/** A value of the config, as the texts that are compared. */
function textOf(value: unknown): string {
  if (Object.is(value, -0)) return '-0';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** What the config should hold. */
function configText({ type, value }: ScalarRow): string | undefined {
  if (value === null) return type === 'float' ? 'NaN' : undefined;
  if (type !== 'datetime') return textOf(value);
  return new Date(Number(value)).toISOString().replace('T', ' ').replace('Z', '000+00:00');
}

/** W&B's reader has no negative zero, though it is sent as such. */
const shownValue = (value: number) => (value === 0 ? 0 : value);

/** A number in a step column, without an exponent. */
const stepText = (step: unknown) => (typeof step === 'number' ? String(step + 0) : String(step));

const timeIn = (time: unknown): number | null =>
  time === null || time === undefined ? null : typeof time === 'string' ? timeOf(time) : Number(time);

class Reading {
  readonly #run: LoadedRun;
  readonly #multiplier: bigint;
  /** Added to the steps of the history. */
  readonly #shift: bigint;

  constructor(run: LoadedRun) {
    this.#run = run;
    this.#multiplier = BigInt(String(run.mark.multiplier ?? 1));
    this.#shift = BigInt(String(run.mark.step_shift ?? 0));
  }

  held(group: string, parent: string | undefined): HeldRun {
    const { run } = this.#run;
    const some = <Value>(
      types: string[],
      find: (path: string, type: string) => Value | undefined,
    ): Record<string, Value> =>
      Object.fromEntries(
        this.#run.attributes
          .filter(({ type }) => types.includes(type))
          .flatMap(({ path, type }): [string, Value][] => {
            const found = find(path, type);
            return found === undefined ? [] : [[path, found]];
          }),
      );
    return {
      id: run.run,
      group,
      name: run.name,
      isWhole: run.state === 'finished' || run.state === 'failed',
      parent,
      values: some(SCALARS, (path) => this.#value(path)),
      floats: some(['float_series'], (path) => this.#floats(path)),
      texts: some(['string_series'], (path) => this.#texts(path)),
      histograms: some(['histogram_series'], (path) => this.#histograms(path)),
      files: some(['file', 'file_set', 'artifact'], (path, type) => {
        const hashes = Object.values(this.#run.files(path, type));
        return hashes.length === 0 ? undefined : hashes.sort();
      }),
      fileSeries: some(['file_series'], (path) =>
        Object.entries(this.#run.files(path, 'file_series')).map(([file, sha256]) => ({
          step: /\/step_([^/]+)\//.exec(file)?.[1] ?? '',
          sha256,
        })),
      ),
      originals: some(['float_series'], (path) => this.#run.kept(path)),
    };
  }

  /** The whole of a value that the config doesn't hold whole. */
  #value(path: string): string | undefined {
    const { key = '' } = this.#run.attributes.find((one) => one.path === path && SCALARS.includes(one.type))!;
    const whole = this.#run.wholeValue(path);
    if (whole !== undefined) return textOf(whole);
    return Object.hasOwn(this.#run.run.config, key) ? textOf(this.#run.run.config[key]) : undefined;
  }

  /** Steps of the history are moved up, so that none is negative. */
  #step(step: number): string {
    return String(BigInt(step) - this.#shift);
  }

  #floats(path: string): HeldPoint<number>[] | undefined {
    const rows = this.#run.points(path).map(([step, time, value]) => ({ step: this.#step(step), time, value }));
    const kept = this.#run.kept(path);
    if (!kept) return rows.length === 0 ? undefined : rows;
    const points = kept.map(({ step, time, value }) => ({
      step: heldStep(step, this.#multiplier, true),
      time,
      value: shownValue(value ?? Number.NaN),
    }));
    return this.#agreed(path, rows, points);
  }

  /**
   * The kept points, but those that a policy left out: of each step in the history, all that the archive has of it when
   * they are of one and the same Neptune step, else the one that the history has.
   */
  #agreed(path: string, rows: HeldPoint<number>[], points: HeldPoint<number>[]): HeldPoint<number>[] {
    const kept = this.#run.kept(path)!;
    const byStep = Map.groupBy(
      points.map((point, i) => ({ point, own: kept[i]!.step })),
      ({ point }) => point.step,
    );
    for (const { step, value } of rows) {
      const found = byStep.get(step)?.some(({ point }) => Object.is(point.value, value));
      if (!found) throw new Error(`${path}: the history has ${value} at step ${step}, the kept series has not`);
    }
    const inHistory = new Map(rows.map((row) => [row.step, row]));
    return [...byStep].flatMap(([step, all]) => {
      const row = inHistory.get(step);
      if (!row) {
        if (Number.isSafeInteger(Number(step))) throw new Error(`${path}: the history lacks step ${step}`);
        return all.map(({ point }) => point);
      }
      const isOneStep = all.every(({ own }) => own === all[0]!.own);
      if (!isOneStep) return [row];
      const last = all.at(-1)!.point.value;
      if (!Object.is(last, row.value)) throw new Error(`${path}: step ${step} has ${row.value}, the last is ${last}`);
      return all.map(({ point }) => point);
    });
  }

  #texts(path: string): HeldPoint<string>[] | undefined {
    const kept = this.#run.keptLines('texts', path);
    if (kept) {
      return kept.map(({ step, timestamp, value }) =>
        this.#text(heldStep(String(step), this.#multiplier, false), timestamp, value),
      );
    }
    const tables = this.#run.tables(path);
    if (tables.length === 0) return undefined;
    return tables.flatMap(({ rows }) => rows.map(([step, value, time]) => this.#text(step, time, value)));
  }

  #text(step: unknown, time: unknown, value: unknown): HeldPoint<string> {
    return { step: stepText(step), time: timeIn(time), value: String(value) };
  }

  #histograms(path: string): HeldPoint<HeldHistogram>[] | undefined {
    const kept = this.#run.keptLines('histograms', path)?.map(({ step, timestamp, type, edges, values }) => ({
      step: heldStep(String(step), this.#multiplier, true),
      time: timeIn(timestamp),
      value: {
        type: type as string | null,
        edges: (edges as (number | string)[]).map(numberOf),
        values: (values as (number | string)[]).map(numberOf),
      },
    }));
    for (const [step, , value] of this.#run.rows(path, 'histogram_series')) {
      const { bins, values } = value as { bins: number[]; values: number[] };
      const shown = JSON.stringify([bins.map(numberOf), values.map(numberOf)]);
      const all = kept?.filter((one) => one.step === this.#step(step)) ?? [];
      if (!all.some((one) => JSON.stringify([one.value.edges, one.value.values]) === shown))
        throw new Error(`${path}: the history has ${shown} at step ${step}, the kept series has not`);
    }
    return kept;
  }
}

/** GraphQL requests by what they ask for, and what they hold. */
const asks =
  (field: string, more = ''): TargetRoute =>
  ({ path, body }) =>
    path === '/graphql' && new RegExp(`\\b${field}\\b`).test(queryOf(body)) && body.includes(more);

function queryOf(body: Buffer): string {
  return (JSON.parse(body.toString()) as { query: string }).query;
}

const STREAM = /\/file_stream$/;

/** The whole body of a file stream request, which may be compressed. */
function streamText({ body }: ProxiedRequest): string {
  return (body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body).toString();
}

export const kit: TargetKit = {
  name: 'wandb',
  module: import.meta.filename,
  async start() {
    // On one host with the rest, so that a proxy leads there, too.
    const started = await startWandbServer({ storageHost: '127.0.0.1' });
    server = started;
    return { url: started.url, stop: () => started.close() };
  },
  target: (url, namePrefix, { impatient, ...options } = {}) =>
    createTarget('wandb', { namePrefix, ...options }, { ...environment(url), ...(impatient ? SOON : {}) }),
  cli: { args: () => ['--wandb-entity', 'emulated-team'], env: environment, impatient: SOON },
  secret: API_KEY,
  async readBack(_, prefix) {
    const stem = `${prefix.replace(/[^A-Za-z0-9_-]/gu, '_')}_`;
    const all = (server?.runs() ?? []).map(({ project }) => project);
    const projects = [...new Set(all)].filter((project) => project.startsWith(stem));
    const held: HeldRun[] = [];
    for (const project of projects) {
      const path = `${server!.entity}/${project}`;
      const { runs } = await readWandb(server!, path, { contents: CONTENTS, tables: true });
      const names = new Map(runs.map(({ run, name }) => [run, name]));
      for (const run of runs) {
        const loaded = new LoadedRun(run);
        held.push(new Reading(loaded).held(project, names.get(String(loaded.mark.parent))));
      }
    }
    return held;
  },
  async makeForeign(url, modelName, displayName) {
    const query = `mutation ($input: UpsertBucketInput!) { upsertBucket(input: $input) { inserted } }`;
    const input = { name: 'foreign', modelName, displayName };
    const answer = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Basic ${btoa(`api:${API_KEY}`)}` },
      body: JSON.stringify({ query, variables: { input } }),
    });
    if (!answer.ok) throw new Error(await answer.text());
  },
  routes: {
    run: asks('upsertBucket'),
    points: STREAM,
    file: /^\/storage\//,
    all: {
      viewer: asks('viewer'),
      'new or changed run': asks('upsertBucket'),
      points: STREAM,
      artifact: asks('createArtifact'),
      manifest: asks('createArtifactManifest'),
      'files of an artifact': asks('createArtifactFiles'),
      upload: /^\/storage\//,
      'end of an artifact': asks('commitArtifact'),
      'run files': asks('createRunFiles'),
    },
  },
  pointsTaken: '{"exitcode":null,"stopped":false}',
  holdsTime: (request, ms) => streamText(request).includes(String(ms / 1000)),
  design: {
    text: configText,
    float: shownValue,
    untimed: () => null,
    mergesEqualPoints: false,
    codes: {},
    colliding: ['colon:d', 'colon_d'],
    longestText: 100_000,
  },
};
