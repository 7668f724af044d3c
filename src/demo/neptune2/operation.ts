// What an operation of the API is: its place in the documents, its parameters, and how they are read, strictly.

import { type Answer, bytesAnswer } from '../answer.ts';
import { type Call, jsonOf } from '../http-server.ts';
import { badRequest } from '../refusal.ts';
import type { Tokens } from '../tokens.ts';
import type { Catalog2 } from './catalog.ts';
import { type Json, toJson } from './json.ts';
import type { ZipRequests } from './zip-requests.ts';

export const DOCUMENTS = ['backend', 'leaderboard', 'artifacts'] as const;
/** Each has a Swagger document of its own. */
export type DocumentName = (typeof DOCUMENTS)[number];

export interface Parameter {
  name: string;
  in: 'query' | 'header' | 'path';
  /** `texts`: may be there many times. */
  type: 'string' | 'integer' | 'number' | 'boolean' | 'texts';
  required?: true;
}

/** The one truth for both the Swagger documents and what is served. */
export interface Operation {
  id: string;
  document: DocumentName;
  method: 'GET' | 'POST';
  /** Parts in braces are parameters. */
  path: string;
  parameters: readonly Parameter[];
  /** The JSON body: its name, and its type as `definitions.ts` writes types. */
  body?: { name: string; type: string };
  /** Type of the answer; `file` for bytes. */
  returns: string;
  /** Needs no access token. */
  open?: true;
  /** Absent on servers without these features. */
  when?(features: Features): boolean;
  /** @throws Refusal */
  handle(args: Arguments, site: Site): Answer;
}

/** What a server offers or not; real servers differ. */
export interface Features {
  artifacts: boolean;
  /** Points of many float series at once. */
  bulk: boolean;
  /** Series as in newer documents: floats go on by step instead of by offset, strings are cut unless asked for whole. */
  skipToStep: boolean;
  channels: boolean;
}

/** What handlers work with. */
export interface Site {
  catalog: Catalog2;
  tokens: Tokens;
  zips: ZipRequests;
  /** Address that clients are sent to. */
  address: string;
  features: Features;
  limits: Limits;
  /** Downloads know Range. */
  ranges: boolean;
  bareNonFinite: boolean;
  /** Pages that are kept, by series and range; absent: each is made anew. */
  pages?: Map<object, Map<string, Answer>>;
  /** Path of an operation, by its id. */
  pathOf(id: string): string;
}

export interface Limits {
  /** Points of a page of a series. */
  seriesPage: number;
  /** A larger page is refused instead of shortened. */
  refuseLargePages: boolean;
  /** Attributes of a run in the table; those after it are left out there. */
  tableColumns: number;
}

type Value = string | number | boolean | string[];

/** The parameters of a request, each of the type that the operation declares. */
export class Arguments {
  readonly headers: Call['headers'];
  readonly #values: ReadonlyMap<string, Value>;
  readonly #call: Call;

  /** @throws Refusal 400 for parameters that are missing, unknown, of a wrong type or there twice */
  constructor(operation: Operation, call: Call, inPath: Readonly<Record<string, string>>) {
    this.headers = call.headers;
    this.#call = call;
    const query = call.url.searchParams;
    const known = operation.parameters.filter((one) => one.in === 'query').map(({ name }) => name);
    for (const name of query.keys()) {
      if (!known.includes(name)) throw badRequest(`${operation.id} has no parameter ${name}.`);
    }
    if (!operation.body && call.body.length > 0) throw badRequest(`${operation.id} takes no body.`);
    const values = new Map<string, Value>();
    for (const parameter of operation.parameters) {
      const texts = textsOf(parameter, query, call.headers, inPath);
      if (texts.length === 0 && parameter.required) throw badRequest(`The parameter ${parameter.name} is required.`);
      if (texts.length > 0) values.set(parameter.name, readValue(parameter, texts));
    }
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** A required text. */
  text(name: string): string {
    return this.#values.get(name) as string;
  }

  optionalText(name: string): string | undefined {
    return this.#values.get(name) as string | undefined;
  }

  texts(name: string): string[] {
    return (this.#values.get(name) ?? []) as string[];
  }

  number(name: string): number | undefined {
    return this.#values.get(name) as number | undefined;
  }

  /** An integer that is not negative. @throws Refusal 400 */
  whole(name: string, fallback: number): number {
    const value = (this.#values.get(name) ?? fallback) as number;
    if (value < 0) throw badRequest(`The parameter ${name} must not be negative.`);
    return value;
  }

  /** @throws Refusal 400, 415 */
  body(): unknown {
    return jsonOf(this.#call);
  }
}

function textsOf(
  { in: place, name }: Parameter,
  query: URLSearchParams,
  headers: Call['headers'],
  inPath: Readonly<Record<string, string>>,
): string[] {
  if (place === 'query') return query.getAll(name);
  const text = place === 'path' ? inPath[name] : headers[name.toLowerCase()];
  return typeof text === 'string' ? [text] : [];
}

function readValue({ name, type }: Parameter, texts: string[]): Value {
  if (type === 'texts') return texts;
  const text = texts[0]!;
  if (texts.length > 1) throw badRequest(`The parameter ${name} is there ${texts.length} times.`);
  switch (type) {
    case 'string':
      return text;
    case 'boolean':
      if (text === 'true' || text === 'false') return text === 'true';
      break;
    case 'integer':
      if (/^-?\d{1,10}$/.test(text) && Math.abs(Number(text)) < 2 ** 31) return Number(text);
      break;
    case 'number':
      if (text.trim() !== '' && Number.isFinite(Number(text))) return Number(text);
      break;
  }
  throw badRequest(`The parameter ${name} must be of type ${type}, and is "${text.slice(0, 100)}".`);
}

export function siteAnswer(site: Site, value: Json): Answer {
  return jsonText(toJson(value, site.bareNonFinite));
}

export function jsonText(text: string): Answer {
  return bytesAnswer(200, 'application/json', Buffer.from(text));
}
