// One request, read and checked: its query, its body, its experiment.

import type { IncomingHttpHeaders } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { isObject, optional, parseBody, type Read, type Reader, read, text, type Whole, whole } from './json.ts';
import { checkKey } from './limits.ts';
import { type FormPart, readForm } from './multipart.ts';
import { demand, Refusal, SdkError } from './refusal.ts';
import type { Site } from './site.ts';
import type { Experiment } from './store.ts';

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body: string | Buffer;
}

export type Handler = (call: Call) => Answer;
type Fields = Record<string, Reader<unknown>>;

export interface CallParts {
  isRest: boolean;
  search: URLSearchParams;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
  site: Site;
}

export class Call {
  readonly site: Site;
  readonly isRest: boolean;
  readonly #parts: CallParts;

  constructor(parts: CallParts) {
    this.site = parts.site;
    this.isRest = parts.isRest;
    this.#parts = parts;
  }

  /** The query, which has these fields only, each once. @throws Refusal */
  query<F extends Fields>(fields: F): Read<F> {
    const names = [...this.#parts.search.keys()];
    const twice = names.find((name, at) => names.indexOf(name) < at);
    demand(twice === undefined, `${twice} comes twice in the query`);
    return read(Object.fromEntries(this.#parts.search), fields, 'query');
  }

  /** The first value of a field of the query, unchecked. */
  queryField(name: string): string | undefined {
    return this.#parts.search.get(name) ?? undefined;
  }

  /** Leaves all values of a field of the query but those that pass. */
  filterQuery(name: string, passes: (value: string) => boolean): void {
    const { search } = this.#parts;
    const values = search.getAll(name);
    search.delete(name);
    for (const value of values) if (passes(value)) search.append(name, value);
  }

  /** The parsed body, which may be gzip. @throws Refusal */
  document(): unknown {
    const { headers, bytes } = this.#parts;
    demand(/^application\/json\b/.test(headers['content-type'] ?? ''), 'the body must be application/json');
    const encoding = headers['content-encoding'];
    demand(encoding === undefined || encoding === 'gzip', `unknown Content-Encoding ${encoding}`);
    return parseBody((encoding === 'gzip' ? unzipped(bytes) : bytes).toString());
  }

  /** The body, which has these fields only; `apiKey` may be there, too. @throws Refusal */
  body<F extends Fields>(fields: F): Read<F> {
    const document = this.document();
    if (isObject(document)) {
      const { apiKey } = document;
      if (!this.isRest && apiKey !== undefined) {
        if (apiKey !== this.site.apiKey) throw new Refusal(400, 'API key is not registered', SdkError.unknownKey);
        delete document.apiKey;
      }
    }
    return read(document, fields);
  }

  form(): Map<string, FormPart> {
    return readForm(this.#parts.headers['content-type'], this.#parts.bytes);
  }

  /** @throws Refusal if there is no such experiment */
  experiment(key: string | undefined): Experiment {
    demand(key !== undefined && key !== '', 'the experiment key is missing', SdkError.experimentKeyMissing);
    checkKey(key);
    const found = this.site.store.experiments.get(key);
    if (found) return found;
    const status = this.isRest && !this.site.lacks.has('not-found') ? 404 : 400;
    throw new Refusal(status, `no such experiment: ${key}`, SdkError.noSuchExperiment);
  }
}

function unzipped(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new Refusal(400, `the body is no gzip: ${(error as Error).message}`);
  }
}

export function json(value: unknown): Answer {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

/** What calls answer that have nothing to tell. */
export function done(): Answer {
  return json({ msg: 'success', code: 200, data: null, sdk_error_code: SdkError.none });
}

/** A whole number in a query. */
export const wholeText: Reader<Whole> = (value, at) => {
  demand(/^-?\d+$/.test(text(value, at)), `${at} must be a whole number`);
  const number = Number(value);
  return whole(Number.isSafeInteger(number) ? number : BigInt(value as string), at);
};

/** True or false in a query, in the spelling of Java or of Python. */
export const flagText: Reader<boolean> = (value, at) => {
  demand(/^(true|false)$/i.test(text(value, at)), `${at} must be true or false`);
  return (value as string).toLowerCase() === 'true';
};

export const keyField = { experimentKey: optional(text) };
