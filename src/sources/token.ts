// Neptune's API token: base64 of a JSON object that names the server.

import { ExporterError } from '../model/errors.ts';

export interface ApiToken {
  /** The token as the server wants it. */
  text: string;
  /** Base address without a trailing slash. */
  address: string;
}

const HINT =
  'Copy the API token anew from Neptune (user menu, "Get your API token") into NEPTUNE_API_TOKEN or --api-token.';

/**
 * Reads a token: `api_url`, else `api_address`, is the server's base address (rule of the official clients).
 * @throws ExporterError `token_missing`, `token_invalid`; the token is never part of the message
 */
export function parseApiToken(token: string | undefined): ApiToken {
  const text = token?.trim() ?? '';
  if (text === '') {
    throw new ExporterError('token_missing', 'There is no Neptune API token.', {
      hint: 'Set the environment variable NEPTUNE_API_TOKEN or pass --api-token.',
    });
  }
  const invalid = (why: string) => new ExporterError('token_invalid', `The Neptune API token ${why}.`, { hint: HINT });
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) throw invalid('is not a base64 text');
  let fields: unknown;
  try {
    fields = JSON.parse(Buffer.from(text, 'base64').toString('utf8'));
  } catch {
    throw invalid('is damaged: it does not decode to JSON');
  }
  if (typeof fields !== 'object' || fields === null) throw invalid('is damaged: it does not hold an object');
  const { api_url: url, api_address: address } = fields as Record<string, unknown>;
  const named = typeof url === 'string' && url !== '' ? url : address;
  if (typeof named !== 'string' || named === '') throw invalid('names no server address');
  // Without a scheme it is https, as for the official client.
  const base = /^[a-z][a-z0-9+.-]*:\/\//i.test(named) ? named : `https://${named}`;
  if (!URL.canParse(base) || !/^https?:$/.test(new URL(base).protocol))
    throw invalid('names an address that is no http address');
  return { text, address: base.replace(/\/+$/, '') };
}
