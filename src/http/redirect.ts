// Where a redirect leads, and what may go there: credentials never leave the server they are for.

import { ExporterError } from '../model/errors.ts';
import { oneLine, redactUrl } from './redact.ts';

const MAX_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Redirects that keep the method and the body. */
const KEEPING: ReadonlySet<number> = new Set([307, 308]);
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'x-neptune-api-token', 'cookie']);

export interface Redirect {
  method: string;
  /** A POST that only reads: it is sent again, where browsers would make a GET of it. */
  isRead: boolean;
  status: number;
  /** The address that was asked. */
  from: string;
  location: string;
  /** Whether there is a body that can't be sent again. */
  streams: boolean;
  /** Redirects that were followed before. */
  followed: number;
}

/** The address of a redirect's Location header; undefined if the answer is no redirect. */
export function locationOf(status: number, headers: Record<string, string>): string | undefined {
  return REDIRECTS.has(status) ? headers.location : undefined;
}

/**
 * The address to ask next: for a GET any, for a POST that keeps its body one that may have its credentials.
 * @throws ExporterError `server` if the redirect is not followed
 */
export function redirectTarget({ method, isRead, status, from, location, streams, followed }: Redirect): string {
  const target = URL.canParse(location, from) ? new URL(location, from) : undefined;
  const refuse = (why: string) =>
    new ExporterError(
      'server',
      `The server at ${new URL(from).origin} redirects to ${oneLine(redactUrl(location))}, ${why}.`,
      { status, hint: 'Use the address it redirects to, or check a proxy in between.' },
    );
  if (!target || !isWebAddress(target.href)) throw refuse('which is no address');
  if (followed >= MAX_REDIRECTS) throw refuse(`after ${MAX_REDIRECTS} other redirects`);
  const isGet = method === 'GET' || method === 'HEAD';
  const keeps = KEEPING.has(status) || (isRead && status !== 303);
  const mayPost = method === 'POST' && keeps && !streams && mayHaveCredentials(from, target.href);
  if (!isGet && !mayPost) throw refuse(`where no ${method} is sent`);
  return target.href;
}

/** Whether an address may have the credentials of another: it is of the same origin, or the same host now with TLS. */
export function mayHaveCredentials(from: string, to: string): boolean {
  const [before, after] = [new URL(from), new URL(to)];
  const secured = before.protocol === 'http:' && after.protocol === 'https:';
  return before.host === after.host && (before.protocol === after.protocol || secured);
}

/** @param more names of headers, in lower case, that are credentials of this service */
export function withoutCredentials(
  headers: Record<string, string>,
  more: readonly string[] = [],
): Record<string, string> {
  const isPublic = (name: string) => !CREDENTIALS.has(name) && !more.includes(name);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => isPublic(name.toLowerCase())));
}

/** Whether an address is one of http or https. */
export function isWebAddress(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}
