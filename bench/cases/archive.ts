// Commands that read an archive, and the start of the program.

import { foldersOf, makeFilesArchive, makeSeriesArchive } from '../archive.ts';
import { type BenchCase, quiet } from '../case.ts';
import type { Command } from '../measure.ts';

export const summary: BenchCase = {
  name: 'summary',
  about: 'summary of 10 M rows in 20 files, beside the official one or a reading of all columns with pyarrow',
  async run(bench) {
    const root = bench.path('rows');
    await makeSeriesArchive(root, 20, 50, bench.scaled(10_000));
    const { official } = bench;
    const make = await bench.peer('neptune3', 'summary.py');
    const theirs: Command =
      official === undefined
        ? make(`${root}/data`)
        : { argv: [official, 'summary', '-d', `${root}/data`, '--log-file', bench.path('official.log')] };
    const rows = 20 * 50 * bench.scaled(10_000);
    await bench.compare({
      name: `summary, ${rows.toLocaleString('en')} rows in 20 files`,
      ours: () => bench.program(['summary', ...foldersOf(root), '--log-file', bench.path('log')]),
      peer: { name: official === undefined ? 'pyarrow' : 'official summary', command: () => theirs },
    });
  },
};

export const verify: BenchCase = {
  name: 'verify',
  about: 'verify of 1 GB of files, beside sha256sum',
  async run(bench) {
    const root = bench.path('big');
    const count = bench.scaled(120);
    await makeFilesArchive(root, count, 8 << 20);
    await bench.compare({
      name: `verify, ${((count * 8) / 953.7).toFixed(1)} GB of files`,
      ours: () => bench.program(['verify', ...foldersOf(root), ...quiet(bench)]),
      peer: {
        name: 'sha256sum',
        command: () => ({ argv: ['sh', '-c', `find '${root}' -type f -exec sha256sum {} +`] }),
      },
      amount: { count: count * 8 * 1.048576, unit: 'MB' },
    });
  },
};

export const start: BenchCase = {
  name: 'start',
  about: '--help and --version, beside a Node that does nothing',
  async run(bench) {
    const peer = { name: 'node -e 0', command: () => ({ argv: [process.execPath, '-e', '0'] }) };
    for (const option of ['--version', '--help']) {
      await bench.compare({ name: option, ours: () => bench.program([option]), peer });
    }
  },
};
