// Micro-benchmarks of the hot path's parts, each on one core, by the processor's time.

import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LEAVES } from '../src/archive/parquet/schema.ts';
import { snappyCompress } from '../src/archive/parquet/snappy.ts';
import { RunWriter } from '../src/archive/writer.ts';
import { ProtobufWriter } from '../src/demo/protobuf-writer.ts';
import type { FloatSeriesBatch } from '../src/model/batches.ts';
import { decodeFloatSeries } from '../src/sources/float-points.ts';
import { floatBatch, repeatingBatch, timeAt, valueAt } from './batches.ts';
import { peerScript } from './case.ts';

const SERIES = 100;
const POINTS = 10_000;
const ALL = SERIES * POINTS;
/** What a socket gives at once. */
const CHUNK = 1 << 16;
const REPEATS = 10;

/** How fast something is, or how large: one figure a round. */
export interface Speed {
  name: string;
  unit: string;
  values: number[];
  peer?: { name: string; values: number[] };
}

/** Runs work some times, after once that warms it up. @param amount what one run gets done @returns amounts a second */
async function speeds(amount: number, rounds: number, work: () => Promise<void> | void): Promise<number[]> {
  await work();
  const found: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    found.push((amount * 1e6) / (user + system));
  }
  return found;
}

/** From an answer's bytes to columns. */
export async function decodeSpeed(rounds: number): Promise<Speed> {
  const chunks = answer();
  const values = await speeds((ALL * REPEATS) / 1e6, rounds, async () => {
    for (let i = 0; i < REPEATS; i++) for await (const _ of decodeFloatSeries(stream(chunks)));
  });
  return { name: 'protobuf points into columns', unit: 'M points/s', values };
}

/** From columns to a file on disk, and that file's size. @param kind values without any repetition, or with many */
export async function encodeSpeed(
  folder: string,
  kind: 'noisy' | 'repeating',
  rounds: number,
  python: string,
): Promise<Speed[]> {
  const make = kind === 'noisy' ? floatBatch : repeatingBatch;
  const batches = Array.from({ length: SERIES }, (_, i) => make(`metrics/m${i}`, i, POINTS));
  const values = await speeds(ALL / 1e6, rounds, () => writeRun(folder, batches));
  const part = (await readdir(folder, { recursive: true })).find((name) => name.endsWith('.parquet')) ?? '';
  const theirs = await promisify(execFile)(python, [peerScript('write_parquet.py'), join(folder, part), `${rounds}`]);
  const peer = JSON.parse(theirs.stdout) as { perSecond: number[]; bytes: number };
  const { size } = await stat(join(folder, part));
  return [
    {
      ...{ name: `columns into a parquet file, ${kind} values`, unit: 'M points/s', values },
      peer: { name: 'pyarrow', values: peer.perSecond },
    },
    {
      ...{ name: `size of that file, ${kind} values`, unit: 'bytes a point', values: [size / ALL] },
      peer: { name: 'pyarrow', values: [peer.bytes / ALL] },
    },
  ];
}

/** Snappy on what it can do nothing about, and on text. */
export async function compressSpeeds(rounds: number): Promise<Speed[]> {
  const doubles = new Uint8Array(floatBatch('', 1, 1 << 17).values.buffer);
  const text = Buffer.from(LEAVES.join(',').repeat(4000));
  const compress = (bytes: Uint8Array) =>
    speeds((bytes.length * 100) / 1e6, rounds, () => {
      for (let i = 0; i < 100; i++) snappyCompress(bytes);
    });
  return [
    { name: 'Snappy, noisy doubles', unit: 'MB/s', values: await compress(doubles) },
    { name: 'Snappy, text', unit: 'MB/s', values: await compress(text) },
  ];
}

export async function hashSpeed(rounds: number): Promise<Speed> {
  const block = crypto.getRandomValues(new Uint8Array(CHUNK));
  const values = await speeds((block.length * 4000) / 1e6, rounds, () => {
    for (let i = 0; i < 4000; i++) hash('sha256', block, 'buffer');
  });
  return { name: 'SHA-256', unit: 'MB/s', values };
}

async function writeRun(dataPath: string, batches: FloatSeriesBatch[]): Promise<void> {
  // One part, so that the peer has one file to write.
  const options = { dataPath, projectId: 'bench/micro', runId: 'RUN-1', replace: true, partBytes: 1 << 30 };
  const writer = await RunWriter.create(options);
  for (const batch of batches) await writer.append(batch);
  await writer.finish();
}

/** An answer of the server with many series, in pieces as a socket gives them. */
function answer(): Uint8Array[] {
  const out = new ProtobufWriter(1 << 16);
  for (let series = 0; series < SERIES; series++) {
    out.message(1, () => {
      out.string(1, String(series));
      out.message(2, () => {
        out.int(1, POINTS);
        for (let i = 0; i < POINTS; i++) out.floatPoint(timeAt(series, i), i, valueAt(series, i), undefined);
      });
    });
  }
  const whole = out.finish();
  return Array.from({ length: Math.ceil(whole.length / CHUNK) }, (_, i) => whole.subarray(i * CHUNK, (i + 1) * CHUNK));
}

async function* stream(chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
