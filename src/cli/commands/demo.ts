// `demo`: the built-in Neptune server with its sample project, exported for real or kept running.

import { once } from 'node:events';
import { Command, Option } from 'commander';
import { ExporterError } from '../../model/errors.ts';
import type { Bind, CliContext } from '../context.ts';
import { exportSample } from '../demo-export.ts';
import { EXIT } from '../errors.ts';
import { EXPORTERS, type Exporter, TITLES } from '../neptune.ts';
import { addExamples, addJson, addNoProgress, choice, wholeNumber } from '../options.ts';

/** Where the archive goes: one folder for each Neptune, so that a summary tells of one demo. */
const DEFAULT_FOLDERS: Record<Exporter, string> = { neptune3: './neptune-demo', neptune2: './neptune2-demo' };
const HIGHEST_PORT = 65_535;

interface DemoOptions {
  folder?: string;
  exporter: Exporter;
  serve: boolean;
  port: number;
  verbose: boolean;
  logFile: string;
  progress: boolean;
  json: boolean;
}

const EXAMPLES = [
  ['Export the sample project and look at it', 'neptune-exporter demo'],
  ['The same with Neptune 2, and its model registry', 'neptune-exporter demo --exporter neptune2'],
  ['Keep the server running, to try every option of export on it', 'neptune-exporter demo --serve'],
] as const;

/** The command `demo`. */
export function demoCommand(bind: Bind): Command {
  const { neptune3, neptune2 } = DEFAULT_FOLDERS;
  const command = new Command('demo')
    .description('Start a built-in Neptune server with a sample project on this machine and export from it.')
    .argument('[folder]', `where the archive goes (default: ${neptune3}, for Neptune 2 ${neptune2})`)
    .addOption(
      new Option('--exporter <version>', `version of Neptune: ${EXPORTERS.join(', ')}`)
        .default('neptune3')
        .argParser(choice(EXPORTERS)),
    )
    .option('--serve', 'export nothing: keep the server running until Ctrl-C', false)
    .addOption(
      new Option('--port <n>', 'port of the server').default(0, 'a free one').argParser(wholeNumber(0, HIGHEST_PORT)),
    )
    .option('-v, --verbose', 'tell more, also where an error comes from', false);
  addNoProgress(command);
  return addExamples(addJson(command), EXAMPLES).action(bind(runDemo));
}

async function runDemo(options: DemoOptions, context: CliContext): Promise<number> {
  const { exporter, port, progress: live, verbose, json } = options;
  const { sampleServer } = await import('../../demo/sample-server.ts');
  const server = await sampleServer(exporter, port).catch((error: unknown) => {
    throw portError(error, port);
  });
  context.redactor.addSecret(server.token);
  try {
    if (options.serve) return await serve(server, exporter, context, json);
    const folder = options.folder ?? DEFAULT_FOLDERS[exporter];
    return await exportSample({ ...server, exporter, folder, live, verbose, json }, context);
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

/** Prints shell lines on standard output, so that they can be pasted or read by a program. */
async function serve(
  { url, token, project }: { url: string; token: string; project: string },
  exporter: Exporter,
  { terminal }: CliContext,
  json: boolean,
): Promise<number> {
  terminal.line(`A ${TITLES[exporter]} server with a sample project runs at ${url} until Ctrl-C. In another shell:`);
  const shellLines = `export NEPTUNE_API_TOKEN='${token}'\nexport NEPTUNE_PROJECT='${project}'`;
  terminal.result(json ? JSON.stringify({ url, token, project }) : shellLines);
  terminal.line(`neptune-exporter export --exporter ${exporter}`);
  if (exporter === 'neptune2') terminal.line('neptune-exporter export-models');
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  return EXIT.ok;
}
