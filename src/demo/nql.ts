// NQL, the language that selects runs, as the official client writes it: a query becomes a predicate on attributes.

import { AGGREGATIONS, type Aggregation, type Comparable, comparableOf } from './aggregates.ts';
import { DEMO_TYPES, type DemoAttribute } from './dataset.ts';
import { badRequest } from './refusal.ts';
import { matcherOf } from './regex.ts';

/** What NQL needs to know of an attribute; `T` is the attribute of a data set. */
export interface Dialect<T extends { type: string }> {
  /** Attribute types by the names that queries use. */
  types: ReadonlyMap<string, string>;
  valueOf(attribute: T, aggregation: Aggregation): Comparable | readonly string[] | undefined;
}

const NEPTUNE3: Dialect<DemoAttribute> = {
  types: new Map(DEMO_TYPES.map((type) => [type, type])),
  valueOf: (attribute, aggregation) =>
    attribute.type === 'stringSet' ? attribute.value : comparableOf(attribute, aggregation),
};

/** Tells whether a run with these attributes is selected. */
export type RunPredicate<T = DemoAttribute> = (attributes: ReadonlyMap<string, T>) => boolean;

interface Operand {
  name: string;
  type: string | undefined;
  aggregation: Aggregation;
}

/**
 * Parses a query. NOT binds closer than AND, AND closer than OR.
 * An attribute that a run doesn't have (or has with another type) passes `!=`, `NOT MATCHES` and `NOT CONTAINS` only.
 * @throws Refusal 400
 */
export function parseNql(query: string): RunPredicate {
  return parseDialect(query, NEPTUNE3);
}

/** `parseNql` for attributes of another Neptune. @throws Refusal 400 */
export function parseDialect<T extends { type: string }>(query: string, dialect: Dialect<T>): RunPredicate<T> {
  const parser = new Parser(query, dialect);
  const predicate = parser.alternatives();
  parser.end();
  return predicate;
}

// A backtick within a name isn't escaped by the client, so one ends the name only if it stands where a name may end.
const quotedName = (types: Iterable<string>) =>
  new RegExp(`\`((?:[^\`]|\`(?!:(?:${[...types].join('|')})\\b|\\s|\\)|$))+)\``, 'y');
const PLAIN_NAME = /(?!(?:NOT|AND|OR)\b)[\p{L}_][\p{L}\p{N}_/.-]*/uy;
const OPERATOR = /==|!=|>=|<=|=|>|<|(?:NOT\s+)?MATCHES\b|(?:NOT\s+)?CONTAINS\b|EXISTS\b/iy;
const QUOTED_VALUE = /"((?:[^"\\]|\\["\\])*)"/y;
const PLAIN_VALUE = /[^\s()"`]+/y;

class Parser<T extends { type: string }> {
  readonly #query: string;
  readonly #dialect: Dialect<T>;
  readonly #quotedName: RegExp;
  #at = 0;

  constructor(query: string, dialect: Dialect<T>) {
    this.#query = query;
    this.#dialect = dialect;
    this.#quotedName = quotedName(dialect.types.keys());
  }

  alternatives(): RunPredicate<T> {
    const parts = [this.#conjunction()];
    while (this.#accept(/OR\b/iy)) parts.push(this.#conjunction());
    return parts.length === 1 ? parts[0]! : (attributes) => parts.some((part) => part(attributes));
  }

  end(): void {
    this.#expect(/$/y, 'the end');
  }

  #conjunction(): RunPredicate<T> {
    const parts = [this.#negation()];
    while (this.#accept(/AND\b/iy)) parts.push(this.#negation());
    return parts.length === 1 ? parts[0]! : (attributes) => parts.every((part) => part(attributes));
  }

  #negation(): RunPredicate<T> {
    if (this.#accept(/NOT\b/iy)) {
      const inner = this.#negation();
      return (attributes) => !inner(attributes);
    }
    if (!this.#accept(/\(/y)) return this.#condition();
    const inner = this.alternatives();
    this.#expect(/\)/y, '")"');
    return inner;
  }

  #condition(): RunPredicate<T> {
    const operand = this.#operand();
    const operator = this.#expect(OPERATOR, 'an operator')[0].toUpperCase().replace(/\s+/, ' ');
    if (operator === 'EXISTS') return (attributes) => find(attributes, operand) !== undefined;
    const quoted = this.#accept(QUOTED_VALUE);
    const value = quoted ? quoted[1]!.replace(/\\(.)/g, '$1') : this.#expect(PLAIN_VALUE, 'a value')[0];
    return condition(this.#dialect, operand, operator === '=' ? '==' : operator, value);
  }

  #operand(): Operand {
    const aggregation = this.#accept(new RegExp(`(${AGGREGATIONS.join('|')})\\s*\\(`, 'y'))?.[1];
    const quoted = this.#accept(this.#quotedName);
    const name = quoted ? quoted[1]! : this.#expect(PLAIN_NAME, 'an attribute name')[0];
    const typed = this.#accept(/:\s*(\w+)/y)?.[1];
    const type = typed === undefined ? undefined : this.#dialect.types.get(typed);
    if (typed !== undefined && type === undefined) throw badRequest(`NQL: there is no attribute type "${typed}".`);
    if (aggregation !== undefined) this.#expect(/\)/y, '")"');
    return { name, type, aggregation: (aggregation as Aggregation | undefined) ?? 'last' };
  }

  /** Takes what a sticky expression matches here, after blanks. */
  #accept(expression: RegExp): RegExpExecArray | undefined {
    while (/\s/.test(this.#query[this.#at] ?? '')) this.#at++;
    expression.lastIndex = this.#at;
    const match = expression.exec(this.#query);
    if (!match) return undefined;
    this.#at = expression.lastIndex;
    return match;
  }

  #expect(expression: RegExp, wanted: string): RegExpExecArray {
    const match = this.#accept(expression);
    if (!match) throw badRequest(`NQL: ${wanted} is expected at "${this.#query.slice(this.#at, this.#at + 40)}".`);
    return match;
  }
}

function find<T extends { type: string }>(attributes: ReadonlyMap<string, T>, operand: Operand): T | undefined {
  const attribute = attributes.get(operand.name);
  return attribute && (operand.type === undefined || attribute.type === operand.type) ? attribute : undefined;
}

function condition<T extends { type: string }>(
  dialect: Dialect<T>,
  operand: Operand,
  operator: string,
  value: string,
): RunPredicate<T> {
  const negated = operator === '!=' || operator.startsWith('NOT ');
  const positive = negated ? operator.replace('!=', '==').replace('NOT ', '') : operator;
  const test = positiveTest(dialect, operand, positive, value);
  return (attributes) => {
    const attribute = find(attributes, operand);
    return attribute ? test(attribute) !== negated : negated;
  };
}

function positiveTest<T extends { type: string }>(
  dialect: Dialect<T>,
  { aggregation, type }: Operand,
  operator: string,
  value: string,
): (attribute: T) => boolean {
  const actualOf = (attribute: T) => dialect.valueOf(attribute, aggregation);
  if (operator === 'MATCHES') {
    const matches = matcherOf(value);
    if (type !== undefined && type !== 'string' && type !== 'stringSeries') throw unfit(operator, type);
    return (attribute) => {
      const text = actualOf(attribute);
      return typeof text === 'string' && matches(text);
    };
  }
  if (operator === 'CONTAINS') {
    if (type !== undefined && !/^string/.test(type)) throw unfit(operator, type);
    return (attribute) => {
      const actual = actualOf(attribute);
      return (typeof actual === 'string' || Array.isArray(actual)) && actual.includes(value);
    };
  }
  const wanted = type && literalOf(type, operator, value);
  return (attribute) => {
    const actual = actualOf(attribute);
    if (actual === undefined || typeof actual === 'object') return false;
    return compareBy(operator, actual, wanted ?? literalOf(attribute.type, operator, value));
  };
}

/** @throws Refusal 400 if the text is no value of the type */
function literalOf(type: string, operator: string, text: string): Comparable {
  switch (type) {
    case 'string':
    case 'stringSeries':
      return text;
    case 'experimentState':
      if (operator !== '==') break;
      return text;
    case 'bool':
      if (operator !== '==' || !/^(true|false)$/i.test(text)) break;
      return text.toLowerCase() === 'true';
    case 'int':
    case 'float':
    case 'floatSeries':
      return numberOf(text);
    case 'datetime': {
      const time = Date.parse(text);
      if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(time)) break;
      return BigInt(time);
    }
  }
  throw badRequest(`NQL: ${operator} "${text.slice(0, 100)}" does not fit an attribute of type ${type}.`);
}

function numberOf(text: string): number | bigint {
  if (/^[+-]?\d+$/.test(text)) return BigInt(text);
  const infinity = /^([+-]?)inf(inity)?$/i.exec(text);
  if (infinity) return infinity[1] === '-' ? -Infinity : Infinity;
  const number = Number(text);
  if (text.trim() === '' || (Number.isNaN(number) && !/^nan$/i.test(text)))
    throw badRequest(`NQL: "${text.slice(0, 100)}" is no number.`);
  return number;
}

/** JavaScript compares numbers and bigints by their exact values. */
function compareBy(operator: string, actual: Comparable, wanted: Comparable): boolean {
  switch (operator) {
    case '>':
      return actual > wanted;
    case '>=':
      return actual >= wanted;
    case '<':
      return actual < wanted;
    case '<=':
      return actual <= wanted;
    default:
      // biome-ignore lint/suspicious/noDoubleEquals: 1n == 1 is what is wanted
      return typeof actual === 'string' ? actual === wanted : actual == wanted;
  }
}

function unfit(operator: string, type: string): Error {
  return badRequest(`NQL: ${operator} does not fit an attribute of type ${type}.`);
}
