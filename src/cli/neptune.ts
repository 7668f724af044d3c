// Which Neptune is spoken to: the option, the question to the server, and the answer when it was the other one.

import { Option } from 'commander';
import { ExporterError } from '../model/errors.ts';
import * as shared from './options.ts';
import type { Terminal } from './terminal.ts';

export const EXPORTERS = ['neptune3', 'neptune2'] as const;
export type Exporter = (typeof EXPORTERS)[number];

export const TITLES: Record<Exporter, string> = { neptune2: 'Neptune 2', neptune3: 'Neptune 3' };

/** How a server is reached. */
export interface Access {
  token: string;
  /** Accept any certificate of it. */
  insecure: boolean;
  signal: AbortSignal;
}

/** `--exporter` of the commands that read from a server. @param versions the ones to choose from, in words */
export function exporterOption(versions: string = EXPORTERS.join(', ')): Option {
  const description = `version of Neptune: ${versions}; if missing, the server is asked`;
  return new Option('--exporter <version>', description).argParser(shared.choice(EXPORTERS));
}

/** Without `--exporter` the server says which Neptune it is, and so do we. */
export async function askServer(access: Access, terminal: Terminal): Promise<Exporter> {
  const found = await detect(access);
  terminal.line(`The server is ${TITLES[found]}.`);
  return found;
}

/**
 * The other Neptune's server lacks what is asked of it, which can look like anything: it is asked what it is before the
 * error is told. @returns what the server is, if that explains the error
 */
export async function otherNeptune(error: unknown, asked: Exporter, access: Access): Promise<Exporter | undefined> {
  if (!(error instanceof ExporterError)) return undefined;
  if (error.status !== 404 && error.status !== 405 && error.code !== 'wrong_server') return undefined;
  const found = await detect(access).catch(() => undefined);
  return found === asked ? undefined : found;
}

async function detect(access: Access): Promise<Exporter> {
  const { detectServer } = await import('../sources/detect.ts');
  return detectServer(access);
}
