// A small tracking service in memory, for the example of a target: HTTP in, maps inside. It outlives those who load into it.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export const TOKEN = 'memory-token-0123456789';
/** Values of more code points are refused. */
export const MAX_VALUE = 500;

/** Step, time in ms, value, and the step as it was before it was made whole. */
export type StoredPoint = [step: string, time: string | null, value: unknown, original: string];

export interface RunHead {
  id: string;
  group: string;
  name: string;
  tags: Record<string, string>;
}

export interface StoredRun extends RunHead {
  values: Map<string, string>;
  /** By key, each with its number in the series. */
  points: Map<string, Map<number, StoredPoint>>;
  files: Map<string, Buffer>;
}

/** What is there, to be compared with what was sent. */
export interface RunCounts {
  values: Record<string, string>;
  points: Record<string, number>;
  files: Record<string, string>;
}

export interface MemoryService {
  url: string;
  runs: Map<string, StoredRun>;
  stop(): Promise<void>;
}

export function sha256(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Starts the service on a free port. */
export async function startService(): Promise<MemoryService> {
  const runs = new Map<string, StoredRun>();
  const server = createServer(async (request, response) => {
    const [status, answer] = await answerTo(request, runs).catch((error: unknown) => [500, { error: String(error) }]);
    response.writeHead(Number(status), { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, runs, stop };
}

async function answerTo(request: IncomingMessage, runs: Map<string, StoredRun>): Promise<[number, unknown]> {
  const body = await buffer(request);
  if (request.headers.authorization !== `Bearer ${TOKEN}`) return [401, { error: 'Who are you?' }];
  const [, what, id = '', part, ...rest] = (request.url ?? '').split('/').map(decodeURIComponent);
  if (what !== 'runs') return [404, { error: 'unknown address' }];
  const json = () => JSON.parse(body.toString()) as unknown;
  if (id === '')
    return [200, [...runs.values()].map(({ group, name, tags, id: one }) => ({ id: one, group, name, tags }))];
  if (part === undefined && request.method === 'PUT') {
    const { group, name, tags } = json() as RunHead;
    const run = runs.get(id) ?? { id, group, name, tags, values: new Map(), points: new Map(), files: new Map() };
    runs.set(id, run);
    return [200, {}];
  }
  if (part === undefined && request.method === 'DELETE') return [runs.delete(id) ? 200 : 404, {}];
  const run = runs.get(id);
  if (!run) return [404, { error: 'no such run' }];
  switch (part) {
    case 'tags':
      Object.assign(run.tags, json());
      return [200, {}];
    case 'values': {
      const values = Object.entries(json() as Record<string, string>);
      if (values.some(([, value]) => [...value].length > MAX_VALUE)) return [400, { error: 'value too long' }];
      for (const [key, value] of values) run.values.set(key, value);
      return [200, {}];
    }
    case 'points': {
      const { key, from, points } = json() as { key: string; from: number; points: StoredPoint[] };
      const known = run.points.get(key) ?? new Map<number, StoredPoint>();
      run.points.set(key, known);
      for (const [i, point] of points.entries()) known.set(from + i, point);
      return [200, {}];
    }
    case 'files':
      run.files.set(rest.join('/'), body);
      return [200, {}];
    case 'counts':
      return [200, countsOf(run)];
    default:
      return [404, { error: 'unknown address' }];
  }
}

function countsOf({ values, points, files }: StoredRun): RunCounts {
  return {
    values: Object.fromEntries([...values].map(([key, value]) => [key, sha256(value)])),
    points: Object.fromEntries([...points].map(([key, held]) => [key, held.size])),
    files: Object.fromEntries([...files].map(([path, content]) => [path, sha256(content)])),
  };
}
