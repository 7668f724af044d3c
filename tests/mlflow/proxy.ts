// A proxy before MLflow that may change requests, or answer for it.

import { once } from 'node:events';
import { createServer } from 'node:http';

export interface Proxy {
  url: string;
}

export interface ProxyOptions {
  /**
   * Gives the body that is passed on; `missing` answers as a server does that doesn't know the path, `busy` with 503
   * instead of passing it on, `lost` with 503 afterwards.
   */
  onRequest?: (path: string, body: Buffer) => Buffer | 'missing' | 'busy' | 'lost' | undefined;
}

/** Passes all on to `url`; closed when the test ends. */
export async function startProxy(
  t: { after(task: () => Promise<void>): void },
  url: string,
  { onRequest }: ProxyOptions = {},
): Promise<Proxy> {
  const server = createServer(async (request, response) => {
    const sent = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
    const changed = onRequest?.(request.url ?? '', sent);
    if (changed === 'missing' || changed === 'busy') {
      response.writeHead(changed === 'busy' ? 503 : 404).end();
      return;
    }
    const body = changed instanceof Buffer ? changed : sent;
    const answer = await fetch(url + request.url, {
      method: request.method ?? 'GET',
      headers: { 'content-type': request.headers['content-type'] ?? 'text/plain' },
      ...(request.method === 'GET' ? {} : { body }),
    });
    const content = Buffer.from(await answer.arrayBuffer());
    if (changed === 'lost') {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' });
    response.end(content);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}` };
}
