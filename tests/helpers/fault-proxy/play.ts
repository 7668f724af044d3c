// Plays a fault to a client: each with the bytes that the real thing sends.

import { type ServerResponse, STATUS_CODES } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { ProxiedRequest, ProxyFault } from './faults.ts';
import type { OriginAnswer } from './origin.ts';
import type { Hit } from './rules.ts';

export interface Exchange {
  request: ProxiedRequest;
  response: ServerResponse;
  publicUrl: string;
  /** The server's answer, when it is asked for. */
  answer(): Promise<OriginAnswer>;
}

/** What storages say of a signature that has ended. */
const ENDED = {
  s3: [403, 'AccessDenied', 'Request has expired'],
  gcs: [400, 'ExpiredToken', 'The provided token has expired.'],
  azure: [403, 'AuthenticationFailed', 'Server failed to authenticate the request. Signature not valid'],
} as const;

/** Path below which the proxy serves what lies at the rest of the path, without any fault. */
export const REDIRECTED = '/redirected';
/** Path below which everything leads back to itself. */
export const LOOP = '/loop';

/** Path of a page for people. */
export const LOGIN = '/login';

export async function play({ fault, random }: Hit, exchange: Exchange): Promise<void> {
  const { request, response, publicUrl } = exchange;
  switch (fault.kind) {
    case 'latency':
      await wait(fault.ms + random() * (fault.jitterMs ?? 0));
      return send(response, await exchange.answer());
    case 'status':
      return send(response, statusAnswer(fault));
    case 'reset':
      return void response.socket?.resetAndDestroy();
    case 'hang':
      return;
    case 'headersOnly':
      return raw(response, await exchange.answer(), { bytes: 0 });
    case 'cut':
      return cut(response, await exchange.answer(), fault.chunked ?? false);
    case 'short': {
      const answer = await exchange.answer();
      const bytes = Math.floor(answer.body.length * (fault.share ?? 0.5));
      return send(response, { ...answer, body: answer.body.subarray(0, bytes) });
    }
    case 'cutGzip':
    case 'gzip': {
      const answer = await exchange.answer();
      const whole = gzipSync(answer.body);
      const body = fault.kind === 'gzip' ? whole : whole.subarray(0, Math.floor(whole.length / 2));
      return send(response, { ...answer, headers: { ...answer.headers, 'content-encoding': 'gzip' }, body });
    }
    case 'body': {
      const type = fault.type ?? (await exchange.answer()).headers['content-type'] ?? '';
      return send(response, { status: 200, headers: { 'content-type': type }, body: Buffer.from(fault.body) });
    }
    case 'drip':
      return drip(response, await exchange.answer(), fault.bytes, fault.everyMs);
    case 'redirect':
      return send(response, redirection(fault, request, publicUrl));
    case 'tokenEnds':
      return send(response, json(401, { code: 401, errorType: 'AUTHORIZATION_TOKEN_EXPIRED', message: 'Expired.' }));
    case 'signatureEnds': {
      const [status, code, message] = ENDED[fault.provider];
      return send(response, xml(status, code, message));
    }
    case 'wrongLength':
      return raw(response, await exchange.answer(), { length: fault.by });
    case 'twice':
      return raw(response, await exchange.answer(), { twice: fault.contradicting ? 'contradicting' : 'harmless' });
    case 'http10':
      return raw(response, await exchange.answer(), { version: '1.0' });
    case 'closeAfter':
      send(response, await exchange.answer());
      await wait(fault.ms);
      return void response.socket?.end();
    case 'tooLarge':
      return send(response, page(fault.status));
  }
}

/** Sends a whole answer. */
export function send(response: ServerResponse, { status, headers, body }: OriginAnswer): void {
  const bodiless = status === 204 || status === 304;
  response.writeHead(status, { ...headers, ...(bodiless ? {} : { 'content-length': body.length }) });
  response.end(bodiless ? undefined : body);
}

export function redirectTo(location: string, status = 302): OriginAnswer {
  return { ...page(status), headers: { 'content-type': 'text/html', location } };
}

function redirection(
  { status, to }: Extract<ProxyFault, { kind: 'redirect' }>,
  { target }: ProxiedRequest,
  publicUrl: string,
): OriginAnswer {
  if (to === 'loop') return redirectTo(LOOP + target, status);
  if (to === 'path') return redirectTo(REDIRECTED + target, status);
  const elsewhere = publicUrl.replace('127.0.0.1', 'localhost');
  return redirectTo(elsewhere + (to === 'login' ? `${LOGIN}?next=neptune` : REDIRECTED + target), status);
}

function statusAnswer({ status, retryAfter, type, body }: Extract<ProxyFault, { kind: 'status' }>): OriginAnswer {
  const plain = body === undefined ? page(status) : { status, headers: {}, body: Buffer.from(body) };
  return {
    ...plain,
    headers: {
      ...plain.headers,
      ...(type === undefined ? {} : { 'content-type': type }),
      ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter() }),
    },
  };
}

/** A page for people, as gateways send it. */
export function page(status: number, title = `${status} ${STATUS_CODES[status] ?? ''}`): OriginAnswer {
  const body = `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n</body>\r\n</html>\r\n`;
  return { status, headers: { 'content-type': 'text/html' }, body: Buffer.from(body) };
}

function json(status: number, value: unknown): OriginAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(value)) };
}

function xml(status: number, code: string, message: string): OriginAnswer {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return { status, headers: { 'content-type': 'application/xml' }, body: Buffer.from(body) };
}

function cut(response: ServerResponse, answer: OriginAnswer, chunked: boolean): void {
  const half = Math.floor(answer.body.length / 2);
  if (!chunked) {
    raw(response, answer, { bytes: half });
    return;
  }
  response.writeHead(answer.status, { ...answer.headers, 'transfer-encoding': 'chunked' });
  response.write(answer.body.subarray(0, half), () => response.socket?.destroySoon());
}

async function drip(response: ServerResponse, answer: OriginAnswer, bytes: number, everyMs: number): Promise<void> {
  response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length });
  for (let at = 0; at < answer.body.length && !response.destroyed; at += bytes) {
    response.write(answer.body.subarray(at, at + bytes));
    await wait(everyMs);
  }
  response.end();
}

interface RawOptions {
  version?: '1.0' | '1.1';
  /** Bytes of the body that are sent. @default all */
  bytes?: number;
  /** Added to the length that is told. */
  length?: number;
  twice?: 'harmless' | 'contradicting';
}

/** Writes an answer past Node, which would not send it so, and ends the connection. */
function raw(response: ServerResponse, { status, headers, body }: OriginAnswer, options: RawOptions): void {
  const { version = '1.1', bytes = body.length, length = 0, twice } = options;
  const lines = [`HTTP/${version} ${status} ${STATUS_CODES[status] ?? ''}`];
  for (const [name, value] of Object.entries(headers)) {
    lines.push(`${name}: ${value}`);
    if (twice) lines.push(`${name}: ${value}`);
  }
  if (twice) lines.push('set-cookie: a=1', 'set-cookie: b=2', 'x-served-by: one', 'x-served-by: two');
  if (version === '1.1') lines.push(`content-length: ${Math.max(0, body.length + length)}`, 'connection: close');
  if (twice === 'contradicting') lines.push(`content-length: ${body.length + 7}`);
  const { socket } = response;
  socket?.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body.subarray(0, bytes)]));
  socket?.destroySoon();
}
