// What goes wrong with a request, in words.

import { ExporterError } from '../model/errors.ts';
import { STALLED } from './body.ts';
import { oneLine, redactUrl } from './redact.ts';

/** An answer after which the same request may succeed. */
export class RetryableStatus extends Error {
  readonly status: number;
  /** Milliseconds. */
  readonly retryAfter: number | undefined;
  /** The beginning of its body. */
  readonly text: string;

  constructor(status: number, retryAfter: number | undefined, text: string) {
    super(`HTTP ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
    this.text = text;
  }
}

export function noAddress(url: string): ExporterError {
  return new ExporterError('bad_answer', `The server gives the address ${oneLine(redactUrl(url))}, which is none.`);
}

export function statusError(shown: string, answer: RetryableStatus, attempts: number): ExporterError {
  const what = answer.status === 429 ? 'asks to slow down' : 'failed';
  return new ExporterError('server', `The server ${what} (HTTP ${answer.status}) at ${shown}.`, {
    status: answer.status,
    attempts,
    cause: answer,
  });
}

/** A Retry-After beyond what may be waited. */
export function waitTooLong(shown: string, answer: RetryableStatus, attempts: number): ExporterError {
  const seconds = Math.ceil((answer.retryAfter ?? 0) / 1000);
  return new ExporterError(
    'server',
    `The server asks to wait ${seconds} s (HTTP ${answer.status}) at ${shown}: that is too long.`,
    { status: answer.status, hint: 'Start again later: what is done stays done.', attempts, cause: answer },
  );
}

/** A host that has not answered for longer than the budget of several requests. */
export function offline(url: string, attempts: number, cause?: unknown): ExporterError {
  return new ExporterError('offline', `${new URL(url).host} has not answered for some time.`, {
    hint: 'Check the network and the server, then start again: what is done stays done.',
    attempts,
    cause,
  });
}

/** What no other try can mend. */
const CERTIFICATE_CODES = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

export function isFinal({ cause }: ExporterError): boolean {
  return CERTIFICATE_CODES.has((cause as NodeJS.ErrnoException | undefined)?.code ?? '');
}

const TIMEOUT_CODES = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT', STALLED]);

/** True for a request that was given up because its answer didn't come: it took its time, and so would the next one. */
export function isTimeout(error: unknown): boolean {
  if (!(error instanceof ExporterError) || error.code !== 'network') return false;
  return TIMEOUT_CODES.has((error.cause as NodeJS.ErrnoException | undefined)?.code ?? '');
}

function certificateError(host: string, cause: Error, attempts: number): ExporterError {
  return new ExporterError('network', `The certificate of ${host} is not trusted: ${oneLine(cause.message)}.`, {
    hint: 'Name the authority that signed it in NODE_EXTRA_CA_CERTS (a PEM file).',
    cause,
    attempts,
  });
}

export function networkError(url: string, error: unknown, attempts: number): ExporterError {
  const cause = error instanceof Error ? error : new Error(String(error));
  const code = (cause as NodeJS.ErrnoException).code;
  const { host, hostname } = new URL(url);
  if (code !== undefined && CERTIFICATE_CODES.has(code)) return certificateError(host, cause, attempts);
  const reasons: Record<string, string> = {
    ENOTFOUND: `The name ${hostname} is not known.`,
    EAI_AGAIN: `The name ${hostname} can't be looked up.`,
    ECONNREFUSED: `Nothing answers at ${host}.`,
    UND_ERR_CONNECT_TIMEOUT: `${host} doesn't answer.`,
    UND_ERR_HEADERS_TIMEOUT: `${host} took the request but doesn't answer.`,
    UND_ERR_BODY_TIMEOUT: `${host} stopped in the middle of an answer.`,
    UND_ERR_SOCKET: `${host} cut the connection.`,
    ECONNRESET: `${host} cut the connection.`,
  };
  const message = (code && reasons[code]) || `The connection to ${host} failed: ${oneLine(cause.message)}.`;
  return new ExporterError('network', message, {
    hint: 'Check the address, the network and a proxy (HTTPS_PROXY); then start again: what is done stays done.',
    cause: error,
    attempts,
  });
}
