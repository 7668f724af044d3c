// How the demo server says no.

/** Thrown by a handler: becomes an answer with this status and a JSON body `{code, errorType, title, message}`. */
export class Refusal extends Error {
  readonly status: number;
  readonly errorType: string;
  readonly title: string | undefined;

  constructor(status: number, errorType: string, message: string, title?: string) {
    super(message);
    this.status = status;
    this.errorType = errorType;
    this.title = title;
  }
}

export function badRequest(message: string): Refusal {
  return new Refusal(400, 'BAD_REQUEST', message);
}

/** Neptune's answer for a project that isn't there and for one that isn't allowed. */
export function accessDenied(what: string): Refusal {
  return new Refusal(403, 'ACCESS_DENIED', `Access denied, or ${what} does not exist.`);
}

export function unauthorized(message: string): Refusal {
  return new Refusal(401, 'UNAUTHORIZED', message);
}
