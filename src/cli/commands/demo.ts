// `demo`: the built-in Neptune server with its sample project, exported for real or kept running.

import { once } from 'node:events';
import { basename, join, relative } from 'node:path';
import { Command, Option } from 'commander';
import { EXPORT_CLASSES } from '../../model/attributes.ts';
import { ExporterError } from '../../model/errors.ts';
import type { Bind, CliContext } from '../context.ts';
import { EXIT } from '../errors.ts';
import { exportLines } from '../export-report.ts';
import { makeFolder } from '../folders.ts';
import { addExamples, addNoProgress, wholeNumber } from '../options.ts';
import { DEFAULT_CONCURRENCY } from './export.ts';
import { printSummary } from './summary.ts';

const DEFAULT_FOLDER = './neptune-demo';
const HIGHEST_PORT = 65_535;

interface DemoOptions {
  folder: string;
  serve: boolean;
  port: number;
  verbose: boolean;
  logFile: string;
  progress: boolean;
}

const EXAMPLES = [
  ['Export the sample project and look at it', 'neptune-exporter demo'],
  ['Keep the server running, to try every option of export on it', 'neptune-exporter demo --serve'],
] as const;

/** The command `demo`. */
export function demoCommand(bind: Bind): Command {
  const command = new Command('demo')
    .description('Start a built-in Neptune server with a sample project on this machine and export from it.')
    .argument('[folder]', 'where the archive goes', DEFAULT_FOLDER)
    .option('--serve', 'export nothing: keep the server running until Ctrl-C', false)
    .addOption(
      new Option('--port <n>', 'port of the server').default(0, 'a free one').argParser(wholeNumber(0, HIGHEST_PORT)),
    )
    .option('-v, --verbose', 'tell more, also where an error comes from', false);
  return addExamples(addNoProgress(command), EXAMPLES).action(bind(runDemo));
}

async function runDemo(options: DemoOptions, context: CliContext): Promise<number> {
  const { startDemoServer } = await import('../../demo/server.ts');
  const { SAMPLE_PROJECT, sampleProject } = await import('../../demo/sample-project.ts');
  const server = await startDemoServer({ data: sampleProject(), port: options.port }).catch((error: unknown) => {
    throw portError(error, options.port);
  });
  context.redactor.addSecret(server.token);
  try {
    const task = options.serve ? serve : exportSample;
    return await task({ token: server.token, url: server.url, project: SAMPLE_PROJECT }, options, context);
  } finally {
    await server.close();
  }
}

function portError(error: unknown, port: number): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'EADDRINUSE' && code !== 'EACCES') return error;
  const why = code === 'EADDRINUSE' ? 'is taken' : 'may not be used by you';
  return new ExporterError('network', `The port ${port} ${why}.`, {
    hint: 'Leave --port out to get a free one.',
    cause: error,
  });
}

/** What the sample's server is reached by. */
interface Sample {
  url: string;
  token: string;
  project: string;
}

/** Prints shell lines on standard output, so that they can be pasted or read by a program. */
async function serve(
  { url, token, project }: Sample,
  _options: DemoOptions,
  { terminal }: CliContext,
): Promise<number> {
  terminal.line(`A Neptune 3 server with a sample project runs at ${url} until Ctrl-C. In another shell:`);
  terminal.result(`export NEPTUNE_API_TOKEN='${token}'\nexport NEPTUNE_PROJECT='${project}'`);
  terminal.line('neptune-exporter export --exporter neptune3');
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  return EXIT.ok;
}

async function exportSample({ token, project }: Sample, options: DemoOptions, context: CliContext): Promise<number> {
  const { terminal } = context;
  const folder = await makeFolder(options.folder);
  const dataPath = await makeFolder(join(folder, 'data'));
  const filesPath = await makeFolder(join(folder, 'files'));
  const log = context.openLog({ verbose: options.verbose, logFile: join(folder, 'neptune_exporter.log') });
  const signal = context.interruptSignal();
  terminal.line('A Neptune 3 server with a sample project runs on this machine.');
  const { runExportJob } = await import('../export-job.ts');
  const report = await runExportJob(
    {
      token,
      projects: { kind: 'named', projects: [project] },
      filter: { includeArchived: false },
      selection: { attributes: { kind: 'all' }, classes: new Set(EXPORT_CLASSES), includePreviews: false },
      dataPath,
      filesPath,
      concurrency: DEFAULT_CONCURRENCY,
      errorReportFile: join(folder, 'neptune_exporter_errors.jsonl'),
      live: options.progress,
    },
    { context, log, signal },
  );
  for (const line of exportLines(report, undefined)) terminal.line(line);
  terminal.line('');
  await printSummary({ dataPath, filesPath, json: false }, context);
  for (const line of nextSteps(shellPath(dataPath), shellPath(filesPath))) terminal.line(line);
  return report.partial + report.failed > 0 ? EXIT.incomplete : EXIT.ok;
}

/** A path as it can be pasted into a shell, short where it lies below the current folder. */
function shellPath(path: string): string {
  const short = relative(process.cwd(), path);
  const text = short.startsWith('..') ? path : short;
  return /^[\w./@%+:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The words that start this program here: its name where it is installed, the paths of node and script in a checkout. */
function invocation(): string {
  const script = process.argv[1] ?? '';
  if (basename(script) === 'neptune-exporter') return 'neptune-exporter';
  return `${shellPath(process.execPath)} ${shellPath(script)}`;
}

function nextSteps(data: string, files: string): string[] {
  const program = invocation();
  return [
    '',
    'What to try next:',
    `  ${program} summary -d ${data}`,
    `  ${program} load --loader mlflow --mlflow-tracking-uri sqlite:///mlflow.db -d ${data} -f ${files}`,
    `  ${program} demo --serve     (and export from it with options of your own)`,
    `  ${program} export --help    (for your own project)`,
  ];
}
