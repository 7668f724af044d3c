// Errors meant for a person: each has a code for programs, a sentence for people, and a hint what to do.

export type ErrorCode =
  | 'usage' // wrong options or arguments
  | 'token_missing'
  | 'token_invalid'
  | 'token_refused'
  | 'access_denied' // project or workspace unknown, or not allowed
  | 'wrong_server' // the server speaks another Neptune, or none at all
  | 'network' // no connection, cut or timed out, after all retries
  | 'offline' // a host that has not answered any request for some time
  | 'server' // the server refused or failed for good
  | 'bad_answer' // the server's answer can't be read
  | 'not_found' // a file or object that isn't there
  | 'unsupported' // data that can't be carried over
  | 'too_large' // a file over the size that was asked for
  | 'disk' // unwritable path, disk full
  | 'archive' // not an archive, or a damaged one
  | 'step_collision' // points would fall together at a target
  | 'locked' // another process writes there
  | 'target_missing' // a tool that is needed is not installed
  | 'interrupted'
  | 'internal';

export interface ErrorDetails {
  /** What the user can do about it, one sentence. */
  hint?: string;
  cause?: unknown;
  /** HTTP status, if one led here. */
  status?: number;
  /** How often it was tried. */
  attempts?: number;
}

/** An error whose message is fit to be shown alone; anything else is a fault of ours and gets a stack trace. */
export class ExporterError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly status: number | undefined;
  readonly attempts: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'ExporterError';
    this.code = code;
    this.hint = details.hint;
    this.status = details.status;
    this.attempts = details.attempts;
  }
}

/** A file that is left out by choice. */
export class FileTooLarge extends ExporterError {
  readonly bytes: number;

  constructor(bytes: number, most: number) {
    super('too_large', `The file has ${bytes} bytes, more than the ${most} that were asked for.`);
    this.bytes = bytes;
  }
}

/** Something that could not be carried over: part of a run's record, never fatal by itself. */
export interface Failure {
  /** Absent if the run as a whole is concerned. */
  attributePath?: string;
  attributeType?: string;
  code: ErrorCode;
  message: string;
  attempts?: number;
  /** ISO 8601, UTC. */
  time: string;
}

/** Turns any thrown value into a failure record. */
export function failureOf(error: unknown, attribute: { path?: string; type?: string } = {}): Failure {
  const known = error instanceof ExporterError ? error : undefined;
  const attempts = known?.attempts;
  return {
    ...(attribute.path === undefined ? {} : { attributePath: attribute.path }),
    ...(attribute.type === undefined ? {} : { attributeType: attribute.type }),
    code: known?.code ?? 'internal',
    message: error instanceof Error ? error.message : String(error),
    ...(attempts === undefined ? {} : { attempts }),
    time: new Date().toISOString(),
  };
}
