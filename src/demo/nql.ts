// NQL, the language that selects runs, as the official client writes it: a query becomes a predicate on attributes.

import { AGGREGATIONS, type Aggregation, type Comparable, comparableOf } from './aggregates.ts';
import { DEMO_TYPES, type DemoAttribute, type DemoType } from './dataset.ts';
import { badRequest } from './refusal.ts';
import { matcherOf } from './regex.ts';

type Attributes = ReadonlyMap<string, DemoAttribute>;
/** Tells whether a run with these attributes is selected. */
export type RunPredicate = (attributes: Attributes) => boolean;

interface Operand {
  name: string;
  type: DemoType | undefined;
  aggregation: Aggregation;
}

/**
 * Parses a query. NOT binds closer than AND, AND closer than OR.
 * An attribute that a run doesn't have (or has with another type) passes `!=`, `NOT MATCHES` and `NOT CONTAINS` only.
 * @throws Refusal 400
 */
export function parseNql(query: string): RunPredicate {
  const parser = new Parser(query);
  const predicate = parser.alternatives();
  parser.end();
  return predicate;
}

// A backtick within a name isn't escaped by the client, so one ends the name only if it stands where a name may end.
const QUOTED_NAME = new RegExp(`\`((?:[^\`]|\`(?!:(?:${DEMO_TYPES.join('|')})\\b|\\s|\\)|$))+)\``, 'y');
const PLAIN_NAME = /(?!(?:NOT|AND|OR)\b)[\p{L}_][\p{L}\p{N}_/.-]*/uy;
const OPERATOR = /==|!=|>=|<=|=|>|<|(?:NOT\s+)?MATCHES\b|(?:NOT\s+)?CONTAINS\b|EXISTS\b/iy;
const QUOTED_VALUE = /"((?:[^"\\]|\\["\\])*)"/y;
const PLAIN_VALUE = /[^\s()"`]+/y;

class Parser {
  readonly #query: string;
  #at = 0;

  constructor(query: string) {
    this.#query = query;
  }

  alternatives(): RunPredicate {
    const parts = [this.#conjunction()];
    while (this.#accept(/OR\b/iy)) parts.push(this.#conjunction());
    return parts.length === 1 ? parts[0]! : (attributes) => parts.some((part) => part(attributes));
  }

  end(): void {
    this.#expect(/$/y, 'the end');
  }

  #conjunction(): RunPredicate {
    const parts = [this.#negation()];
    while (this.#accept(/AND\b/iy)) parts.push(this.#negation());
    return parts.length === 1 ? parts[0]! : (attributes) => parts.every((part) => part(attributes));
  }

  #negation(): RunPredicate {
    if (this.#accept(/NOT\b/iy)) {
      const inner = this.#negation();
      return (attributes) => !inner(attributes);
    }
    if (!this.#accept(/\(/y)) return this.#condition();
    const inner = this.alternatives();
    this.#expect(/\)/y, '")"');
    return inner;
  }

  #condition(): RunPredicate {
    const operand = this.#operand();
    const operator = this.#expect(OPERATOR, 'an operator')[0].toUpperCase().replace(/\s+/, ' ');
    if (operator === 'EXISTS') return (attributes) => find(attributes, operand) !== undefined;
    const quoted = this.#accept(QUOTED_VALUE);
    const value = quoted ? quoted[1]!.replace(/\\(.)/g, '$1') : this.#expect(PLAIN_VALUE, 'a value')[0];
    return condition(operand, operator === '=' ? '==' : operator, value);
  }

  #operand(): Operand {
    const aggregation = this.#accept(new RegExp(`(${AGGREGATIONS.join('|')})\\s*\\(`, 'y'))?.[1];
    const quoted = this.#accept(QUOTED_NAME);
    const name = quoted ? quoted[1]! : this.#expect(PLAIN_NAME, 'an attribute name')[0];
    const typed = this.#accept(/:\s*(\w+)/y)?.[1];
    const type = DEMO_TYPES.find((one) => one === typed);
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

function find(attributes: Attributes, operand: Operand): DemoAttribute | undefined {
  const attribute = attributes.get(operand.name);
  return attribute && (operand.type === undefined || attribute.type === operand.type) ? attribute : undefined;
}

function condition(operand: Operand, operator: string, value: string): RunPredicate {
  const negated = operator === '!=' || operator.startsWith('NOT ');
  const test = positiveTest(operand, negated ? operator.replace('!=', '==').replace('NOT ', '') : operator, value);
  return (attributes) => {
    const attribute = find(attributes, operand);
    return attribute ? test(attribute) !== negated : negated;
  };
}

function positiveTest(operand: Operand, operator: string, value: string): (attribute: DemoAttribute) => boolean {
  const { aggregation, type } = operand;
  if (operator === 'MATCHES') {
    const matches = matcherOf(value);
    if (type !== undefined && type !== 'string' && type !== 'stringSeries') throw unfit(operator, type);
    return (attribute) => {
      const text = comparableOf(attribute, aggregation);
      return typeof text === 'string' && matches(text);
    };
  }
  if (operator === 'CONTAINS') {
    if (type !== undefined && !/^string/.test(type)) throw unfit(operator, type);
    return (attribute) => {
      if (attribute.type === 'stringSet') return attribute.value.includes(value);
      const text = comparableOf(attribute, aggregation);
      return typeof text === 'string' && text.includes(value);
    };
  }
  const wanted = type && literalOf(type, operator, value);
  return (attribute) => {
    const actual = comparableOf(attribute, aggregation);
    if (actual === undefined) return false;
    return compareBy(operator, actual, wanted ?? literalOf(attribute.type, operator, value));
  };
}

/** @throws Refusal 400 if the text is no value of the type */
function literalOf(type: DemoType, operator: string, text: string): Comparable {
  switch (type) {
    case 'string':
    case 'stringSeries':
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

function unfit(operator: string, type: DemoType): Error {
  return badRequest(`NQL: ${operator} does not fit an attribute of type ${type}.`);
}
