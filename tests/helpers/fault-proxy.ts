// A reverse proxy in front of a demo server that does to clients what networks, gateways and storages do.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { ProxiedRequest, ProxyRule } from './fault-proxy/faults.ts';
import { Origin } from './fault-proxy/origin.ts';
import { LOGIN, LOOP, page, play, REDIRECTED, redirectTo, send } from './fault-proxy/play.ts';
import { ProxyRules } from './fault-proxy/rules.ts';

export type { ProxiedRequest, ProxyFault, ProxyRule } from './fault-proxy/faults.ts';

/** A request as it came, with the kind of the fault that met it. */
export interface LoggedRequest extends ProxiedRequest {
  fault: string | undefined;
}

export interface FaultProxy {
  url: string;
  /** For NEPTUNE_API_TOKEN: leads to the proxy. */
  token: string;
  /** All requests, in the order in which they came. */
  log: LoggedRequest[];
  replaceRules(rules: readonly ProxyRule[]): void;
  /** Nobody listens any more, and all connections break. */
  down(): Promise<void>;
  /** Listens again, at the same address. */
  up(): Promise<void>;
  close(): Promise<void>;
}

export interface FaultProxyOptions {
  rules?: readonly ProxyRule[];
  /** Told of each request when it comes. */
  onRequest?: (request: LoggedRequest) => void;
}

/** Starts a proxy of a server; it answers when this returns. */
export async function startFaultProxy(
  server: { url: string; token: string },
  { rules = [], onRequest }: FaultProxyOptions = {},
): Promise<FaultProxy> {
  const origin = new Origin(server);
  const log: LoggedRequest[] = [];
  let current = new ProxyRules(rules);

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    const { method = '', url = '/', headers } = incoming;
    if (url.startsWith(LOOP)) return send(response, redirectTo(url));
    if (url.startsWith(LOGIN)) return send(response, page(200, 'Sign in'));
    const redirected = url.startsWith(REDIRECTED);
    const target = redirected ? url.slice(REDIRECTED.length) : url;
    const body = await buffer(incoming);
    const bearer = /^Bearer (.*)$/.exec(headers.authorization ?? '')?.[1];
    const request = { method, path: target.split('?')[0]!, target, body, bearer };
    const hit = redirected ? undefined : current.next(request);
    const logged = { ...request, fault: hit?.fault.kind };
    log.push(logged);
    onRequest?.(logged);
    const answer = () => origin.ask(method, target, headers, body);
    if (hit) await play(hit, { request, response, publicUrl: origin.publicUrl, answer });
    else send(response, await answer());
  }

  const http = createServer((request, response) => {
    serve(request, response).catch(() => response.socket?.destroy());
  });
  http.keepAliveTimeout = 60_000;
  const listen = (port: number) => new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
  const down = () =>
    new Promise<void>((resolve) => {
      http.close(() => resolve());
      http.closeAllConnections();
    });
  await listen(0);
  const { port } = http.address() as AddressInfo;
  origin.publicUrl = `http://127.0.0.1:${port}`;
  return {
    url: origin.publicUrl,
    token: origin.token,
    log,
    replaceRules: (more) => {
      current = new ProxyRules(more);
    },
    down,
    up: () => listen(port),
    close: async () => {
      await down();
      origin.close();
    },
  };
}
