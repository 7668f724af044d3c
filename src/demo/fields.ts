// Reads the fields of JSON requests strictly: what is missing, unknown or of a wrong type is refused with 400.

import { badRequest } from './refusal.ts';

/** A JSON object of a request together with the place it has there, for messages. */
export class Fields {
  readonly #values: Record<string, unknown>;
  readonly #place: string;

  /** @throws Refusal if it is no object or has a field that isn't in `known` */
  constructor(value: unknown, place: string, known: readonly string[]) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw badRequest(`${place} must be an object.`);
    this.#values = value as Record<string, unknown>;
    this.#place = place;
    for (const name of Object.keys(value)) {
      if (!known.includes(name)) throw badRequest(`${place} has the unknown field "${name}".`);
    }
  }

  /** False also for null. */
  has(name: string): boolean {
    const value = this.#values[name];
    return value !== undefined && value !== null;
  }

  text(name: string): string {
    const value = this.#required(name);
    if (typeof value !== 'string') throw this.#wrong(name, 'a string');
    return value;
  }

  flag(name: string, fallback: boolean): boolean {
    if (!this.has(name)) return fallback;
    const value = this.#values[name];
    if (typeof value !== 'boolean') throw this.#wrong(name, 'a boolean');
    return value;
  }

  number(name: string): number | undefined {
    if (!this.has(name)) return undefined;
    const value = this.#values[name];
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.#wrong(name, 'a number');
    return value;
  }

  whole(name: string, least: number, most: number): number {
    const value = this.#required(name);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
      throw this.#wrong(name, `a whole number from ${least} to ${most}`);
    return value;
  }

  word<T extends string>(name: string, words: readonly T[]): T {
    const value = this.text(name);
    const word = words.find((one) => one === value);
    if (word === undefined) throw this.#wrong(name, `one of ${words.join(', ')}, not "${value.slice(0, 100)}"`);
    return word;
  }

  list<T>(name: string, read: (item: unknown, place: string) => T): T[] {
    const value = this.#required(name);
    if (!Array.isArray(value)) throw this.#wrong(name, 'a list');
    return value.map((item, index) => read(item, `${this.#place}.${name}[${index}]`));
  }

  texts(name: string): string[] {
    return this.list(name, (item, place) => {
      if (typeof item !== 'string') throw badRequest(`${place} must be a string.`);
      return item;
    });
  }

  object(name: string, known: readonly string[]): Fields {
    return new Fields(this.#required(name), `${this.#place}.${name}`, known);
  }

  #required(name: string): unknown {
    if (!this.has(name)) throw badRequest(`${this.#place}.${name} is required.`);
    return this.#values[name];
  }

  #wrong(name: string, wanted: string): Error {
    return badRequest(`${this.#place}.${name} must be ${wanted}.`);
  }
}
