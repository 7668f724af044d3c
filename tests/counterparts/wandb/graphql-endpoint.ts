// The GraphQL address: a document is parsed, validated whole, then carried out.

import { coerceVariables, execute, type Resolvers } from './graphql/execute.ts';
import type { InputObject, Schema } from './graphql/schema.ts';
import { type Document, parseDocument } from './graphql/syntax.ts';
import { validate } from './graphql/validate.ts';
import { isObject } from './json.ts';
import { ARTIFACT_MUTATIONS } from './mutate-artifacts.ts';
import { RUN_MUTATIONS } from './mutate-runs.ts';
import { demand, Refusal } from './refusal.ts';
import { ARTIFACT_RESOLVERS } from './resolve-artifacts.ts';
import { RUN_RESOLVERS } from './resolve-runs.ts';
import { SITE_RESOLVERS } from './resolve-site.ts';
import type { Site } from './site.ts';

const RESOLVERS = merged([SITE_RESOLVERS, RUN_RESOLVERS, RUN_MUTATIONS, ARTIFACT_RESOLVERS, ARTIFACT_MUTATIONS]);

function merged(all: Resolvers<Site>[]): Resolvers<Site> {
  const one: Resolvers<Site> = {};
  for (const resolvers of all)
    for (const [type, fields] of Object.entries(resolvers)) one[type] = { ...one[type], ...fields };
  return one;
}

export interface GraphQLRequest {
  document: Document;
  variables: InputObject;
  operationName: string | undefined;
}

/** @throws Refusal 400 */
export function readRequest(body: string, schema: Schema): GraphQLRequest {
  const json = parsed(() => JSON.parse(body) as unknown);
  demand(isObject(json) && typeof json.query === 'string', 'the body must be {"query", "variables"}');
  const { query, variables, operationName, ...rest } = json;
  const known = ['extensions'];
  for (const key of Object.keys(rest)) demand(known.includes(key), `unknown field ${key} of a GraphQL request`);
  demand(variables === undefined || variables === null || isObject(variables), 'variables must be an object');
  const document = parsed(() => parseDocument(query));
  const errors = validate(schema, document);
  if (errors.length > 0) throw new Refusal(400, errors.join('\n'));
  return { document, variables: variables ?? {}, operationName: operationName as string | undefined };
}

/** Names of what is asked for, for counts and faults: `upsertBucket`, `project`. */
export function rootFields({ document }: GraphQLRequest): string {
  const selections = document.operations.flatMap((operation) => operation.selections);
  return selections.map((one) => (one.kind === 'field' ? one.name : '…')).join('+');
}

/** @throws Refusal */
export function answer(request: GraphQLRequest, site: Site): string {
  const { document, variables: given, operationName } = request;
  const { schema } = site;
  const operations = document.operations.filter(({ name }) => !operationName || name === operationName);
  demand(operations.length === 1, `no single operation ${operationName ?? ''}`);
  const operation = operations[0]!;
  const variables = parsed(() => coerceVariables(schema, operation, given));
  const execution = { schema, resolvers: RESOLVERS, document, operation, variables, context: site };
  return JSON.stringify({ data: execute(execution) });
}

function parsed<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal(400, (error as Error).message);
  }
}
