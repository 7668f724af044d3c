// `npm run bench`: runs the cases and prints the tables of README.md. `npm run bench -- --help` lists them.

import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { python } from '../tests/counterparts/python.ts';
import { Bench, type BenchCase } from './case.ts';
import { start, summary, verify } from './cases/archive.ts';
import { export2, export2Bulk, export2Pages, export3, export3Latency, export3Memory } from './cases/export.ts';
import { loadComet, loadMemory, loadMlflow, loadWandb } from './cases/load.ts';
import { micro } from './cases/micro.ts';
import type { Outcome } from './measure.ts';
import type { Speed } from './micro.ts';
import { HEAD, line, SPEED_HEAD, speedLine } from './table.ts';

const CASES: BenchCase[] = [
  ...[export3, export3Memory, export3Latency, export2, export2Pages, export2Bulk, summary, verify],
  ...[loadMlflow, loadWandb, loadComet, loadMemory, start, micro],
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scale: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  const unknown = positionals.filter((name) => !CASES.some((one) => one.name === name));
  if (values.help || unknown.length > 0) {
    console.log('npm run bench -- [--scale 0.1] [--rounds 5] [case...]\n');
    for (const { name, about } of CASES) console.log(`${name.padEnd(16)} ${about}`);
    if (unknown.length > 0) throw new Error(`no such case: ${unknown.join(', ')}`);
    return;
  }
  console.log(`Node ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown processor'}\n`);
  const table = new Printed();
  for (const one of CASES) {
    if (positionals.length > 0 && !positionals.includes(one.name)) continue;
    const folder = await mkdtemp(join(tmpdir(), 'neptune-exporter-bench-'));
    try {
      await one.run(
        new Bench({
          ...{ folder, python, rounds: Number(values.rounds), scale: Number(values.scale) },
          official: process.env.OFFICIAL_EXPORTER,
          tell: (outcome) => table.outcome(outcome),
          tellSpeed: (speed) => table.speed(speed),
        }),
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/** Prints each line as it comes, and the head of a table before its first. */
class Printed {
  #head = '';

  outcome(outcome: Outcome): void {
    this.#print(HEAD, line(outcome));
  }

  speed(speed: Speed): void {
    this.#print(SPEED_HEAD, speedLine(speed));
  }

  #print(head: string, text: string): void {
    if (this.#head !== head) console.log(head);
    this.#head = head;
    console.log(text);
  }
}

await main();
