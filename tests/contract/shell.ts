// Where people type the README's example commands: a shell, a folder, and a Neptune server.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { TestContext } from 'node:test';
import { attribute, type DataSet, type DemoAttribute, type DemoRun, fileOf, seriesOf } from '../../src/demo/dataset.ts';
import { startDemoServer } from '../../src/demo/server.ts';
import { type CliResult, cleanEnvironment, outcome, PROGRAM } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';

export const START = Date.UTC(2025, 0, 2, 3, 4, 5);

function run(number: number, runId: string): DemoRun {
  const points = [0, 1, 2].map((step) => [step, START + step * 1000, number + step / 8] as const);
  const attributes: Record<string, DemoAttribute> = {
    'sys/id': attribute.string(`PRJ-${number}`),
    'sys/custom_run_id': attribute.string(runId),
    'sys/name': attribute.string('baseline'),
    'sys/archived': attribute.bool(false),
    'sys/trashed': attribute.bool(false),
    'sys/creation_time': attribute.datetime(START),
    'sys/modification_time': attribute.datetime(START + 10_000),
    'config/learning_rate': attribute.float(0.001 * number),
    'config/layers': attribute.int(number),
    'config/.*': attribute.string('a name like the pattern of the example'),
    'metrics/accuracy': { type: 'floatSeries', series: seriesOf(points) },
    'metrics/loss': { type: 'floatSeries', series: seriesOf(points) },
    'logs/stdout': { type: 'stringSeries', series: seriesOf([[0, START, 'started']]) },
    'files/notes.txt': attribute.file(fileOf(`${runId}/notes.txt`, 'text/plain', `notes of ${runId}`)),
  };
  return { attributes: new Map(Object.entries(attributes)) };
}

function dataSet(): DataSet {
  const runs = [run(1, 'RUN-1'), run(2, 'RUN-2'), run(3, 'other')];
  return {
    projects: [
      { path: 'my-org/my-project', key: 'PRJ', runs },
      { path: 'workspace/proj', key: 'PRJ', runs },
    ],
  };
}

export interface Shell {
  cwd: string;
  /** Runs a command as if it had been typed. */
  type(command: string): Promise<CliResult>;
}

/**
 * A shell in which `uv run neptune-exporter` is this program, and a Neptune 3 server with three runs in each project.
 * @param more environment variables beside the API token
 */
export async function shell(t: TestContext, more: Record<string, string> = {}): Promise<Shell> {
  const server = await startDemoServer({ data: dataSet() });
  t.after(() => server.close());
  const cwd = await tempFolder(t);
  const env = cleanEnvironment({ NEPTUNE_API_TOKEN: server.token, ...more });
  const type = (command: string) => {
    assert.ok(command.startsWith('uv run neptune-exporter'));
    const ours = command.replace('uv run neptune-exporter', `'${process.execPath}' '${PROGRAM}'`);
    return outcome(spawn('sh', ['-c', ours], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] }));
  };
  return { cwd, type };
}

export function assertDone({ code, stderr }: CliResult): void {
  assert.equal(code, 0, stderr);
}
