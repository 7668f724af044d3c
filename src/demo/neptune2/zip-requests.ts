// Zips of file sets: asked for first, ready after a while, then downloaded.

import { randomUUID } from 'node:crypto';
import { Refusal } from '../refusal.ts';
import type { Container } from './catalog.ts';

interface ZipRequest {
  container: Container;
  attribute: string;
  /** Epoch ms. */
  readyAt: number;
}

/** Holds no zip: they are made when they are sent. */
export class ZipRequests {
  readonly #delay: number;
  readonly #requests = new Map<string, ZipRequest>();

  /** @param delay until a zip is ready, in ms */
  constructor(delay: number) {
    this.#delay = delay;
  }

  /** @returns the request's id */
  add(container: Container, attribute: string): string {
    const id = randomUUID();
    this.#requests.set(id, { container, attribute, readyAt: Date.now() + this.#delay });
    return id;
  }

  isReady(id: string): boolean {
    return this.#find(id).readyAt <= Date.now();
  }

  /** @throws Refusal 404 if there is no such request, or it isn't ready */
  take(id: string): ZipRequest {
    const request = this.#find(id);
    if (!this.isReady(id)) throw new Refusal(404, 'NOT_FOUND', 'The download is not ready.');
    return request;
  }

  #find(id: string): ZipRequest {
    const request = this.#requests.get(id);
    if (!request) throw new Refusal(404, 'NOT_FOUND', `There is no download request "${id}".`);
    return request;
  }
}
