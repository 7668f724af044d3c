// Finds the fault that meets a request, and counts what rules have to count.

import { randomFrom } from '../../../src/demo/faults.ts';
import type { ProxiedRequest, ProxyFault, ProxyRule } from './faults.ts';

interface RuleState extends ProxyRule {
  skip: number;
  times: number;
  random: () => number;
  /** Requests by bearer token. */
  tokens: Map<string, number>;
  /** Addresses that were refused once. */
  refused: Set<string>;
}

/** A fault that meets a request, with random numbers of its rule. */
export interface Hit {
  fault: ProxyFault;
  random: () => number;
}

export class ProxyRules {
  readonly #rules: RuleState[];

  constructor(rules: readonly ProxyRule[]) {
    this.#rules = rules.map((rule) => ({
      ...rule,
      skip: rule.skip ?? 0,
      times: rule.times ?? Number.POSITIVE_INFINITY,
      random: randomFrom(rule.seed ?? 1),
      tokens: new Map(),
      refused: new Set(),
    }));
  }

  /** The fault that meets a request, if one does. Counts the request. */
  next(request: ProxiedRequest): Hit | undefined {
    for (const rule of this.#rules) {
      if (fits(rule, request) && this.#meets(rule, request)) return { fault: rule.fault, random: rule.random };
    }
    return undefined;
  }

  #meets(rule: RuleState, request: ProxiedRequest): boolean {
    if (rule.refused.has(request.target)) return true;
    if (rule.fault.kind === 'tokenEnds') return tokenEnds(rule, rule.fault.after, request);
    if (rule.fault.kind === 'tooLarge' && sizeOf(rule.fault.status, request) <= rule.fault.bytes) return false;
    if (rule.skip > 0) {
      rule.skip--;
      return false;
    }
    if (rule.times <= 0 || (rule.probability !== undefined && rule.random() >= rule.probability)) return false;
    rule.times--;
    if (rule.fault.kind === 'signatureEnds') rule.refused.add(request.target);
    return true;
  }
}

function fits({ path, method, when }: ProxyRule, request: ProxiedRequest): boolean {
  if (path && !path.test(request.path)) return false;
  if (method !== undefined && method !== request.method) return false;
  return when?.(request) ?? true;
}

/** A token that was refused stays refused, and counts as one of the rule's times. */
function tokenEnds(rule: RuleState, after: number, { bearer }: ProxiedRequest): boolean {
  if (bearer === undefined) return false;
  const served = (rule.tokens.get(bearer) ?? 0) + 1;
  rule.tokens.set(bearer, served);
  if (served <= after) return false;
  if (served === after + 1) rule.times--;
  return rule.times >= 0;
}

function sizeOf(status: 413 | 414, { target, body }: ProxiedRequest): number {
  return status === 414 ? target.length : body.length;
}
