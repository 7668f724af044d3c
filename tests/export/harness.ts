// What the export tests share: a demo server, the program from the outside, and pyarrow as the judge of the archive.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { DataSet } from '../../src/demo/dataset.ts';
import type { DemoServer } from '../../src/demo/http-server.ts';
import { type DemoServerOptions, startDemoServer } from '../../src/demo/server.ts';
import { python } from '../counterparts/python.ts';
import { writeExpected } from '../demo/expected.ts';
import { type CliResult, runCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';

const run = promisify(execFile);

export interface Bench<Data = DataSet> {
  server: DemoServer<Data>;
  folder: string;
  /** Arguments of an export of the data set's first project into the folder. */
  args: string[];
  env: Record<string, string>;
  exportAll(...more: string[]): Promise<CliResult>;
  /** From now on the archive is compared with this data. */
  expect(data: Data): Promise<void>;
  /** Differences between the archive and the data set's first project, one a line; empty if there are none. */
  differences(...flags: string[]): Promise<string>;
}

/** A server of Neptune 3 that serves the data, and a folder to export into. */
export function bench(t: TestContext, data: DataSet, options: Partial<DemoServerOptions> = {}): Promise<Bench> {
  return benchOf(t, 'neptune3', data, {
    start: () => startDemoServer({ data, ...options }),
    writeExpected: (folder, now) => writeExpected(now.projects[0]!, folder),
  });
}

/** The same for any Neptune. */
export async function benchOf<Data extends { projects: { path: string }[] }>(
  t: TestContext,
  exporter: 'neptune3' | 'neptune2',
  data: Data,
  {
    start,
    writeExpected,
  }: { start(): Promise<DemoServer<Data>>; writeExpected(folder: string, data: Data): Promise<void> },
): Promise<Bench<Data>> {
  const server = await start();
  t.after(() => server.close());
  const folder = await tempFolder(t);
  const project = data.projects[0]!;
  const expected = join(folder, 'expected');
  await writeExpected(expected, data);
  const args = ['export', '--exporter', exporter, '-p', project.path, '-d', 'data', '-f', 'files', '--no-progress'];
  const env = { NEPTUNE_API_TOKEN: server.token };
  return {
    server,
    folder,
    args,
    env,
    expect: (now) => writeExpected(expected, now),
    exportAll: (...more) => runCli([...args, ...more], { cwd: folder, env }),
    async differences(...flags) {
      const program = join(import.meta.dirname, '..', 'counterparts', 'archive_check.py');
      const paths = [expected, join(folder, 'data'), join(folder, 'files')];
      const judge = run(await python('neptune3'), [program, ...paths, ...flags], { maxBuffer: 1 << 26 });
      const { stdout } = await judge.catch((error: { stdout?: string; code?: number }) => {
        // Exit code 1 with text is its verdict; anything else is a fault of the judge.
        if (error.code === 1 && error.stdout?.trim()) return { stdout: error.stdout };
        throw error;
      });
      return stdout.trim();
    },
  };
}

/** Asserts the exit code, showing what the program said. */
export function assertExit(result: CliResult, code: number): void {
  assert.equal(result.code, code, `exit code ${result.code}\n${result.stderr}\n${result.stdout}`);
}
