// The faults of the matrix: those that another try mends, and those that are an answer.

import type { ProxyFault } from '../helpers/fault-proxy.ts';
import type { Route } from './routes.ts';

type Fits = (route: Route) => boolean;

export interface NamedFault {
  name: string;
  fault: ProxyFault;
  /** Where nothing shows that the answer is none of the server's: there it can't be asked for. @default nowhere */
  unseen?: Fits;
}

const status = (code: number): NamedFault => ({ name: String(code), fault: { kind: 'status', status: code } });
const busy = (name: string, retryAfter: () => string): NamedFault => ({
  name: `429 with Retry-After ${name}`,
  fault: { kind: 'status', status: 429, retryAfter },
});
const inSeconds = (seconds: number) => () => new Date(Date.now() + seconds * 1000).toUTCString();
const redirect = (code: number, to: 'path' | 'host'): NamedFault => ({
  name: `${code} to another ${to}`,
  fault: { kind: 'redirect', status: code, to },
});

/** An image of Neptune 2 has neither size nor checksum: only a page, or a cut image of a known format, is seen. */
const isImage: Fits = ({ name }) => name === 'image';
/** A gateway's JSON is JSON. */
const isConfiguration: Fits = ({ name }) => name === 'configuration' || isImage({ name } as Route);

/** What the next try mends. Each is over after one request. */
export const MENDED: NamedFault[] = [
  { name: 'latency', fault: { kind: 'latency', ms: 5, jitterMs: 40 } },
  ...[408, 500, 502, 503, 504, 520].map(status),
  ...[202, 204, 206, 304].map(status),
  status(429),
  busy('in seconds', () => '1'),
  busy('as a date', inSeconds(1)),
  busy('of a time gone by', inSeconds(-1000)),
  busy('soon', () => 'soon'),
  busy('negative', () => '-5'),
  { name: 'a connection reset', fault: { kind: 'reset' } },
  { name: 'headers without a body', fault: { kind: 'headersOnly' } },
  { name: 'a body cut', fault: { kind: 'cut' } },
  { name: 'a chunked body cut', fault: { kind: 'cut', chunked: true } },
  { name: 'half a body that says 200', fault: { kind: 'short' } },
  { name: 'most of a body that says 200', fault: { kind: 'short', share: 0.98 } },
  { name: 'a compressed body cut', fault: { kind: 'cutGzip' } },
  { name: 'a compressed body', fault: { kind: 'gzip' } },
  { name: 'garbage', fault: { kind: 'body', body: Buffer.alloc(64, 0xff) }, unseen: isImage },
  { name: 'a message of another kind', fault: { kind: 'body', body: Buffer.from([0x08, 0x05]) }, unseen: isImage },
  { name: 'a message of unknown fields', fault: { kind: 'body', body: Buffer.from(':\x02AB') }, unseen: isImage },
  { name: 'a page', fault: { kind: 'body', body: '<html>502 Bad Gateway</html>', type: 'text/html' } },
  { name: 'a page of no type', fault: { kind: 'body', body: '<html>502 Bad Gateway</html>' }, unseen: isImage },
  { name: 'other JSON', fault: { kind: 'body', body: '{}', type: 'application/json' }, unseen: isConfiguration },
  { name: 'an empty body', fault: { kind: 'body', body: '' }, unseen: isImage },
  { name: 'a body that drips', fault: { kind: 'drip', bytes: 1500, everyMs: 3 } },
  { name: 'a length too large', fault: { kind: 'wrongLength', by: 10 } },
  { name: 'a length too small', fault: { kind: 'wrongLength', by: -10 } },
  { name: 'headers twice', fault: { kind: 'twice' } },
  { name: 'contradicting headers', fault: { kind: 'twice', contradicting: true } },
  { name: 'HTTP/1.0 without a length', fault: { kind: 'http10' } },
  { name: 'a connection closed at once', fault: { kind: 'closeAfter', ms: 0 } },
  { name: 'a connection closed soon', fault: { kind: 'closeAfter', ms: 2 } },
  redirect(301, 'path'),
  redirect(302, 'path'),
  redirect(307, 'path'),
  redirect(308, 'path'),
  { name: 'a token that has ended', fault: { kind: 'tokenEnds', after: 0 } },
];

/** What the server, or something on the way, means: the item is told at once, and the next export tries it again. */
export const REFUSALS: NamedFault[] = [
  ...[400, 403, 404, 413].map(status),
  busy('of an age', () => '99999999999999999999'),
  { name: 'a redirect in a circle', fault: { kind: 'redirect', status: 302, to: 'loop' } },
  { name: 'a redirect to a login', fault: { kind: 'redirect', status: 302, to: 'login' }, unseen: isImage },
  redirect(307, 'host'),
  { name: 'a token refused', fault: { kind: 'status', status: 401 } },
];

/** Faults that never end, chosen for the ways in which they are found. */
export const LASTING: NamedFault[] = [
  ...MENDED.filter(({ name }) =>
    [
      '503',
      'a connection reset',
      'a chunked body cut',
      'half a body that says 200',
      'garbage',
      'an empty body',
      'contradicting headers',
      'a token that has ended',
    ].includes(name),
  ),
  ...REFUSALS.filter(({ name }) => ['403', 'a redirect in a circle'].includes(name)),
  busy('for ever', () => '0.1'),
];

/** An empty body is a whole message, and says that there is nothing. */
export function meansNothing({ name }: NamedFault, route: Route): boolean {
  return name === 'an empty body' && route.name === 'search' && route.answer === 'protobuf';
}
