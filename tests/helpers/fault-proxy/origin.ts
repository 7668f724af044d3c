// The server behind the proxy: asks it, and makes its answers name the proxy wherever they name the server.

import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { apiToken } from '../server.ts';

export interface OriginAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** Headers that belong to one connection, or that are made anew. */
const OWN = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'host', 'accept-encoding']);

export class Origin {
  readonly #url: string;
  readonly #apiToken: string;
  readonly #agent = new Agent({ keepAlive: true });
  /** The server's own token by the one that clients have, which names the proxy as its issuer. */
  readonly #tokens = new Map<string, string>();
  /** Address of the proxy. */
  publicUrl = '';

  constructor({ url, token }: { url: string; token: string }) {
    this.#url = url;
    this.#apiToken = token;
  }

  /** For NEPTUNE_API_TOKEN: names the proxy. */
  get token(): string {
    return apiToken(this.publicUrl, 'demo');
  }

  close(): void {
    this.#agent.destroy();
  }

  async ask(method: string, target: string, headers: IncomingHttpHeaders, body: Buffer): Promise<OriginAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<OriginAnswer>();
    const asked = request(this.#url + target, { method, agent: this.#agent, headers: this.#inwards(headers, body) });
    asked.on('error', reject).on('response', (response) => {
      const { statusCode: status = 0 } = response;
      buffer(response).then((content) => resolve(this.#outwards(status, response.headers, content)), reject);
    });
    asked.end(body);
    return promise;
  }

  #inwards(headers: IncomingHttpHeaders, body: Buffer): Record<string, string> {
    const passed = plain(headers);
    if (passed['x-neptune-api-token'] === this.token) passed['x-neptune-api-token'] = this.#apiToken;
    const bearer = /^Bearer (.*)$/.exec(passed.authorization ?? '')?.[1];
    if (bearer !== undefined) passed.authorization = `Bearer ${this.#tokens.get(bearer) ?? bearer}`;
    if (body.length > 0) passed['content-length'] = String(body.length);
    return passed;
  }

  #outwards(status: number, incoming: IncomingHttpHeaders, body: Buffer): OriginAnswer {
    const headers = plain(incoming);
    if (!headers['content-type']?.includes('json')) return { status, headers, body };
    const text = body
      .toString()
      .replaceAll(this.#url, this.publicUrl)
      .replace(/("access_?[tT]oken":")([^"]+)/g, (_, name: string, token: string) => name + this.#renamed(token));
    return { status, headers, body: Buffer.from(text) };
  }

  /**
   * The token with the proxy as its issuer; the server gets its own back. Each is another, though the server signs the
   * same ones within a second.
   */
  #renamed(token: string): string {
    const [head, payload = '', signature] = token.split('.');
    const text = Buffer.from(payload, 'base64url').toString().replaceAll(this.#url, this.publicUrl);
    const claims = { ...JSON.parse(text), jti: this.#tokens.size };
    const renamed = [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
    this.#tokens.set(renamed, token);
    return renamed;
  }
}

function plain(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || OWN.has(name) ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
