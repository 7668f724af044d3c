// The faults that the proxy plays: what networks, gateways and storages do to clients.

export type ProxyFault =
  /** The answer comes later, by up to `jitterMs` more. */
  | { kind: 'latency'; ms: number; jitterMs?: number }
  /** Another status instead of the answer. `retryAfter` is the header as it is sent. */
  | { kind: 'status'; status: number; retryAfter?: () => string; type?: string; body?: string }
  /** The connection breaks before any byte. */
  | { kind: 'reset' }
  /** Nothing comes, and the connection stays. */
  | { kind: 'hang' }
  /** The connection breaks behind the headers. */
  | { kind: 'headersOnly' }
  /** The connection breaks in the middle of the body: of a known length, or in chunks. */
  | { kind: 'cut'; chunked?: boolean }
  /** A share of the body, as if it were all: HTTP sees nothing wrong. */
  | { kind: 'short'; share?: number }
  /** The body is compressed, and cut so that only the decompression can see it. */
  | { kind: 'cutGzip' }
  /** The whole body, compressed: no fault, though few expect it. */
  | { kind: 'gzip' }
  /** Another body, with status 200. */
  | { kind: 'body'; body: Uint8Array | string; type?: string }
  /** The body drips. */
  | { kind: 'drip'; bytes: number; everyMs: number }
  /**
   * To the same place under another path, to the same under another host name, to itself for ever, or to a page for
   * people elsewhere.
   */
  | { kind: 'redirect'; status: number; to: 'path' | 'host' | 'loop' | 'login' }
  /** Each bearer token is good for so many requests that meet the rule; then it is refused. */
  | { kind: 'tokenEnds'; after: number }
  /** The signed address has ended, as storages say it. Each address is refused for ever, a new one as the rule says. */
  | { kind: 'signatureEnds'; provider: 's3' | 'gcs' | 'azure' }
  /** The Content-Length is so many bytes off, and the connection is closed behind the body. */
  | { kind: 'wrongLength'; by: number }
  /** Headers come twice: harmless ones, or the length with another value. */
  | { kind: 'twice'; contradicting?: boolean }
  /** A whole answer as old gateways send it: HTTP/1.0, no length, ends with the connection. */
  | { kind: 'http10' }
  /** A whole answer; then the connection is closed without a word, while the next request may be on its way. */
  | { kind: 'closeAfter'; ms: number }
  /** Requests whose address or body has more bytes are refused. */
  | { kind: 'tooLarge'; status: 413 | 414; bytes: number };

/** What a rule may look at. */
export interface ProxiedRequest {
  method: string;
  /** Path of the URL, without its query. */
  path: string;
  /** With its query. */
  target: string;
  body: Buffer;
  bearer: string | undefined;
}

/** Which requests a fault meets. Of many rules that fit a request, the first meets it. */
export interface ProxyRule {
  /** An expression that finds a match in the URL's path. @default any */
  path?: RegExp;
  /** @default any */
  method?: string;
  /** Looks at the request, e.g. at what its body asks for. */
  when?: (request: ProxiedRequest) => boolean;
  fault: ProxyFault;
  /** How many requests it lets pass before. @default 0 */
  skip?: number;
  /** How many requests it meets then. @default all */
  times?: number;
  /** Share of these requests that it meets. @default 1 */
  probability?: number;
  /** Of the random numbers for `probability` and jitter. @default 1 */
  seed?: number;
}
