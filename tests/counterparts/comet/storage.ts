// Where assets lie when they are downloaded from another host: signed addresses, no second authorization, ranges.

import type { IncomingMessage } from 'node:http';
import type { Answer } from './call.ts';
import { Refusal } from './refusal.ts';
import { signature } from './rest-reads.ts';
import type { Site } from './site.ts';

/** `/storage/KEY/ASSET?signature=…` @throws Refusal */
export function getFromStorage({ headers, method }: IncomingMessage, url: URL, { store }: Site): Answer {
  if (!headers.host?.startsWith('localhost:')) throw new Refusal(404, `There is no storage at ${headers.host}`);
  if (method !== 'GET') throw new Refusal(405, `${method} is not allowed on storage`);
  if (headers.authorization !== undefined)
    throw new Refusal(400, 'Only one auth mechanism allowed; both a signature and the Authorization header were given');
  const [, , key = '', id = ''] = url.pathname.split('/');
  const asset = store.experiments.get(key)?.assets.get(id);
  if (url.searchParams.get('signature') !== signature(id)) throw new Refusal(403, 'SignatureDoesNotMatch');
  if (!asset) throw new Refusal(404, 'NoSuchKey');
  return part(asset.bytes, headers.range);
}

function part(bytes: Buffer, range: string | undefined): Answer {
  const groups = /^bytes=(?<from>\d+)-(?<to>\d*)$/.exec(range ?? '')?.groups;
  if (!groups) return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: bytes };
  const from = Number(groups.from);
  const to = Math.min(groups.to ? Number(groups.to) : bytes.length - 1, bytes.length - 1);
  if (from > to) throw new Refusal(416, 'InvalidRange');
  const headers = { 'content-range': `bytes ${from}-${to}/${bytes.length}` };
  return { status: 206, headers, body: bytes.subarray(from, to + 1) };
}
