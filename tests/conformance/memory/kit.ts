// What the suite needs to know of the example of a target.

import type { HeldHistogram, HeldPoint, HeldRun, TargetKit } from '../target-kit.ts';
import { MemoryTarget } from './index.ts';
import { textOf } from './mapping.ts';
import {
  MAX_VALUE,
  type MemoryService,
  type StoredPoint,
  type StoredRun,
  sha256,
  startService,
  TOKEN,
} from './service.ts';

let service: MemoryService | undefined;

/** By original path, the entries of the kinds that are asked for. */
type Paths = [key: string, path: string, type: string][];

function held({ id, group, name, tags, values, points, files }: StoredRun, runs: Map<string, StoredRun>): HeldRun {
  const paths = JSON.parse(tags.paths ?? '[]') as Paths;
  const some = <Value>(types: string[], find: (key: string) => Value | undefined): Record<string, Value> =>
    Object.fromEntries(
      paths.flatMap(([key, path, type]): [string, Value][] => {
        const found = types.includes(type) ? find(key) : undefined;
        return found === undefined ? [] : [[path, found]];
      }),
    );
  const series = <Value>(type: string, read: (value: unknown) => Value) =>
    some(type.split(' '), (key) => {
      const stored = points.get(key);
      return stored && [...stored].sort(([a], [b]) => a - b).map(([, point]) => heldPoint(point, read));
    });
  const below = (key: string) => [...files].filter(([path]) => path.startsWith(`${key}/`));
  const hashes = (key: string) => {
    const found = below(key).map(([, content]) => sha256(content));
    return found.length === 0 ? undefined : found.sort();
  };
  const parent = tags.parent === undefined ? undefined : runs.get(tags.parent)?.name;
  return {
    id,
    group,
    name,
    isWhole: tags.done !== undefined,
    parent,
    values: some(['float', 'int', 'string', 'bool', 'datetime', 'string_set'], (key) => {
      return files.get(`whole/${key}`)?.toString() ?? values.get(key);
    }),
    floats: series('float_series', Number),
    texts: series('string_series', String),
    histograms: series('histogram_series', (value): HeldHistogram => {
      const { type, edges, values: counts } = value as { type: string; edges: string[]; values: string[] };
      return { type, edges: edges.map(Number), values: counts.map(Number) };
    }),
    files: some(['file', 'file_set', 'artifact'], hashes),
    fileSeries: some(['file_series'], (key) =>
      below(key).map(([path, content]) => ({ step: path.split('/')[1] ?? '', sha256: sha256(content) })),
    ),
    originals: {},
  };
}

function heldPoint<Value>([step, time, value]: StoredPoint, read: (value: unknown) => Value): HeldPoint<Value> {
  return { step, time: time === null ? null : Number(time), value: read(value) };
}

export const kit: TargetKit = {
  name: 'memory',
  module: import.meta.filename,
  async start() {
    service = await startService();
    return service;
  },
  async target(url, namePrefix, { impatient, ...options } = {}) {
    return new MemoryTarget({ url, namePrefix, token: TOKEN, ...(impatient ? { budgetMs: 300 } : {}), ...options });
  },
  secret: TOKEN,
  async readBack(_, prefix) {
    const runs = service?.runs ?? new Map<string, StoredRun>();
    const below = [...runs.values()].filter(({ group }) => group.startsWith(`${prefix}/`));
    return below.map((run) => held(run, runs));
  },
  async makeForeign(_, group, name) {
    service?.runs.set(name, {
      id: name,
      group,
      name,
      tags: {},
      values: new Map(),
      points: new Map(),
      files: new Map(),
    });
  },
  routes: {
    run: /^\/runs\/\w+$/,
    points: /\/points$/,
    file: /\/files\//,
    all: {
      list: /^\/runs$/,
      run: /^\/runs\/\w+$/,
      values: /\/values$/,
      points: /\/points$/,
      files: /\/files\//,
      tags: /\/tags$/,
      counts: /\/counts$/,
    },
  },
  pointsTaken: '{}',
  design: {
    text: textOf,
    float: (value) => value,
    untimed: () => null,
    mergesEqualPoints: false,
    codes: {},
    colliding: ['Loss', 'loss'],
    longestText: MAX_VALUE,
  },
};
