// `npm run bench`: verify and load beside what does the same work; prints the table of README.md.

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskName } from '../src/archive/names.ts';
import type { ManifestFile } from '../src/archive/types.ts';
import { startMlflow } from '../tests/counterparts/mlflow-server.ts';
import { python } from '../tests/counterparts/python.ts';
import { floats, line, sampleRun, writeExported } from '../tests/helpers/archive-runs.ts';
import { compare } from './measure.ts';

const PROGRAM = join(import.meta.dirname, '..', 'bin', 'neptune-exporter.js');
const ROUNDS = 3;

/** What `verify` reads: random files, which compress as little as weights do, and parts. */
async function makeFiles(folder: string, count: number, bytes: number) {
  const projectId = 'bench/files';
  const folderName = diskName(projectId);
  await mkdir(join(folder, 'files', folderName), { recursive: true });
  const files: ManifestFile[] = [];
  for (let i = 0; i < count; i++) {
    const content = crypto.getRandomValues(new Uint8Array(65_536));
    const body = Buffer.concat(Array.from({ length: bytes / content.length }, () => content));
    const path = `file_${i}`;
    await writeFile(join(folder, 'files', folderName, path), body);
    const sha256 = createHash('sha256').update(body).digest('hex');
    files.push({ attributePath: `files/f${i}`, attributeType: 'file', path, bytes: body.length, sha256 });
  }
  await writeExported(join(folder, 'data'), sampleRun(projectId, 'files', []), { files });
}

async function makeSeries(dataPath: string, runs: number, series: number, points: number) {
  const columns = Array.from({ length: series }, (_, i) => floats(`metrics/m${i}`, line(points, 0.1 + i)));
  for (let run = 0; run < runs; run++) {
    await writeExported(dataPath, sampleRun('bench/series', `RUN-${run}`, columns));
  }
}

const folder = await mkdtemp(join(tmpdir(), 'neptune-exporter-bench-'));
const server = await startMlflow();
try {
  const venv = await python('mlflow');
  const big = join(folder, 'big');
  await makeFiles(big, 120, 8 << 20);
  const small = join(folder, 'small');
  await makeSeries(join(small, 'data'), 10, 10, 1000);
  const folders = (root: string) => ['-d', join(root, 'data'), '-f', join(root, 'files')];
  const quiet = ['--no-progress', '--log-file', join(folder, 'log')];
  const rows = [
    await compare(
      venv,
      {
        name: 'verify, 1.0 GB of files',
        ours: () => [process.execPath, PROGRAM, 'verify', ...folders(big), ...quiet],
        peer: 'sha256sum',
        theirs: () => ['sh', '-c', `find '${big}' -type f -exec sha256sum {} +`],
      },
      ROUNDS,
    ),
    await compare(
      venv,
      {
        name: 'load --loader mlflow, 100,000 points in 10 runs',
        ours: (round) => [
          ...[process.execPath, PROGRAM, 'load', '--loader', 'mlflow', '--mlflow-tracking-uri', server.url],
          ...[...folders(small), '--name-prefix', `ours-${round}`, ...quiet],
        ],
        peer: "MLflow's client",
        theirs: (round) => [
          venv,
          join(import.meta.dirname, 'load_peer.py'),
          join(small, 'data'),
          server.url,
          `${round}`,
        ],
      },
      ROUNDS,
    ),
  ];
  console.log(`Node ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown processor'}`);
  console.log('| work | ours | peer | times as fast (spread) |\n| --- | --- | --- | --- |');
  console.log(rows.join('\n'));
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
