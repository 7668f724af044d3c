// The wire: the calls of the memory service that a load needs, each of which may be repeated. The HTTP client tries again.

import { createReadStream } from 'node:fs';
import type { HttpClient, HttpRequest } from '../../../src/http/client.ts';
import { ExporterError } from '../../../src/model/errors.ts';
import type { RunCounts, RunHead, StoredPoint } from './service.ts';

export class MemoryClient {
  readonly #http: HttpClient;
  readonly #base: string;
  readonly #token: string;
  readonly #signal: AbortSignal | undefined;

  constructor(options: { http: HttpClient; base: string; token: string; signal?: AbortSignal }) {
    this.#http = options.http;
    this.#base = options.base;
    this.#token = options.token;
    this.#signal = options.signal;
  }

  async runs(): Promise<RunHead[]> {
    return (await this.#send('GET', 'runs')) as RunHead[];
  }

  /** Makes a run; one of this id that is there stays as it is. */
  async putRun({ id, ...head }: RunHead): Promise<void> {
    await this.#send('PUT', `runs/${id}`, JSON.stringify(head));
  }

  async deleteRun(id: string): Promise<void> {
    // A repeated call finds it gone.
    await this.#send('DELETE', `runs/${id}`, undefined, [404]);
  }

  async putTags(id: string, tags: Record<string, string>): Promise<void> {
    await this.#send('POST', `runs/${id}/tags`, JSON.stringify(tags));
  }

  async putValues(id: string, values: Record<string, string>): Promise<void> {
    await this.#send('POST', `runs/${id}/values`, JSON.stringify(values));
  }

  /** @param from number of the first of these points in its series: a repeated call changes nothing */
  async putPoints(id: string, key: string, from: number, points: StoredPoint[]): Promise<void> {
    await this.#send('POST', `runs/${id}/points`, JSON.stringify({ key, from, points }));
  }

  /** @param content a file on disk, or a text */
  async putFile(id: string, path: string, content: { file: string } | { text: string }): Promise<void> {
    const address = path.split('/').map(encodeURIComponent).join('/');
    const body = 'file' in content ? () => createReadStream(content.file) : content.text;
    await this.#send('PUT', `runs/${id}/files/${address}`, body);
  }

  async counts(id: string): Promise<RunCounts> {
    return (await this.#send('GET', `runs/${id}/counts`)) as RunCounts;
  }

  async #send(
    method: HttpRequest['method'],
    path: string,
    body?: HttpRequest['body'],
    accepted: number[] = [],
  ): Promise<unknown> {
    const answer = await this.#http.request({
      method,
      url: `${this.#base}/${path}`,
      headers: { authorization: `Bearer ${this.#token}` },
      ...(body === undefined ? {} : { body }),
      ...(this.#signal ? { signal: this.#signal } : {}),
    });
    const { status } = answer;
    if (status === 401) throw new ExporterError('token_refused', 'The memory service refuses the token.', { status });
    if (status !== 200 && !accepted.includes(status)) {
      throw new ExporterError('server', `The memory service answers ${status} to ${method} ${path}.`, { status });
    }
    return JSON.parse(answer.body.toString()) as unknown;
  }
}
