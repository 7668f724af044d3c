// A proxy before MLflow that counts requests and may change or break them.

import { once } from 'node:events';
import { createServer } from 'node:http';

export interface Proxy {
  url: string;
  /** Requests that came so far. */
  requests: number;
}

export interface ProxyOptions {
  /**
   * Gives the body that is passed on; `cut` breaks the connection after the server has answered, `missing` answers as a
   * server does that doesn't know the path.
   */
  onRequest?: (path: string, body: Buffer) => Buffer | 'cut' | 'missing' | undefined;
}

/** Passes all on to `url`; closed when the test ends. */
export async function startProxy(
  t: { after(task: () => Promise<void>): void },
  url: string,
  { onRequest }: ProxyOptions = {},
): Promise<Proxy> {
  const server = createServer(async (request, response) => {
    proxy.requests++;
    const sent = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
    const changed = onRequest?.(request.url ?? '', sent);
    if (changed === 'missing') {
      response.writeHead(404).end();
      return;
    }
    const body = changed instanceof Buffer ? changed : sent;
    const answer = await fetch(url + request.url, {
      method: request.method ?? 'GET',
      headers: { 'content-type': request.headers['content-type'] ?? 'text/plain' },
      ...(request.method === 'GET' ? {} : { body }),
    });
    const content = Buffer.from(await answer.arrayBuffer());
    if (changed === 'cut') {
      response.destroy();
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
  const proxy: Proxy = { url: `http://127.0.0.1:${address.port}`, requests: 0 };
  return proxy;
}
