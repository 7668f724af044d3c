// Where the W&B server is and how to sign in: options, W&B's environment variables, its settings files, netrc.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TlsOptions } from '../../http/client.ts';
import { ExporterError } from '../../model/errors.ts';
import { readIni } from '../ini.ts';
import { netrcPassword } from './netrc.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface WandbSettings {
  /** Without a slash at its end. */
  base: string;
  apiKey: string;
  /** Absent: the default entity of the key. */
  entity: string | undefined;
  tls: TlsOptions | undefined;
  /** Time for failed tries and the pauses between them. */
  retryBudgetMs: number;
}

export interface GivenSettings {
  apiKey?: string | undefined;
  entity?: string | undefined;
  env: Environment;
  home: string;
  cwd: string;
}

const DEFAULT_BASE = 'https://api.wandb.ai';
const DEFAULT_RETRY_SECONDS = 300;

/**
 * Reads the settings as W&B's own client does; options go first.
 * @throws ExporterError `usage` for an address or key that can't be meant, `token_missing`
 */
export function readSettings({ apiKey, entity, env, home, cwd }: GivenSettings): WandbSettings {
  const files = [
    join(cwd, 'wandb', 'settings'),
    join(env.WANDB_CONFIG_DIR || join(home, '.config', 'wandb'), 'settings'),
  ].map((path) => readIni(path, 'default'));
  const setting = (name: string) => files.map((file) => file[name]).find((value) => value);
  const base = addressOf(env.WANDB_BASE_URL || setting('base_url') || DEFAULT_BASE);
  return {
    base,
    apiKey: keyOf(apiKey || env.WANDB_API_KEY || netrcPassword(new URL(base).hostname, env, home), base),
    entity: entity || env.WANDB_ENTITY || setting('entity') || undefined,
    tls: tlsOf(env),
    retryBudgetMs: retrySeconds(env) * 1000,
  };
}

function addressOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new ExporterError('usage', 'The address of the W&B server is not valid.', {
      hint: 'WANDB_BASE_URL looks like https://wandb.example.com; without it the server is https://api.wandb.ai.',
    });
  }
  // A user and password here would go to the wrong place: the key is the one way in.
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function keyOf(text: string | undefined, base: string): string {
  const key = text?.trim();
  if (!key) {
    throw new ExporterError('token_missing', `No W&B key for ${base} was found.`, {
      hint: 'Set WANDB_API_KEY, or log in once with `wandb login`; keys are at https://wandb.ai/authorize.',
    });
  }
  if (/[^\x21-\x7e]/.test(key)) {
    throw new ExporterError('token_invalid', 'The W&B key has characters that no key has.', {
      hint: 'Copy it again from https://wandb.ai/authorize.',
    });
  }
  return key;
}

function tlsOf(env: Environment): TlsOptions | undefined {
  if (/^(true|1|yes)$/i.test(env.WANDB_INSECURE_DISABLE_SSL ?? '')) return { insecure: true };
  const path = env.REQUESTS_CA_BUNDLE || env.SSL_CERT_FILE;
  if (!path) return undefined;
  try {
    return { ca: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new ExporterError('usage', `The certificate file ${path} can't be read.`, {
      hint: 'It is set by REQUESTS_CA_BUNDLE or SSL_CERT_FILE.',
      cause: error,
    });
  }
}

function retrySeconds(env: Environment): number {
  const text = env.NEPTUNE_EXPORTER_RETRY_SECONDS;
  if (text === undefined || text === '') return DEFAULT_RETRY_SECONDS;
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new ExporterError('usage', `NEPTUNE_EXPORTER_RETRY_SECONDS must be a whole number, not '${text}'.`);
}
