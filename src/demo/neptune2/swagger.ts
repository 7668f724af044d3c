// Swagger documents, made from the table of operations.

import { definitionsOf, schemaOf } from './definitions.ts';
import type { DocumentName, Operation, Parameter } from './operation.ts';

const TITLES: Record<DocumentName, string> = {
  backend: 'Neptune Backend API',
  leaderboard: 'Neptune Leaderboard REST API',
  artifacts: 'Neptune Artifacts API',
};

const REFUSALS = Object.fromEntries(
  Object.entries({
    400: 'Bad Request',
    401: 'Unauthorized',
    403: 'Forbidden',
    404: 'Not Found',
    429: 'Too Many Requests',
  }).map(([status, description]) => [status, { description }]),
);

/** Path of a document; these are the only ones that clients know by heart. */
export function documentPath(document: DocumentName): string {
  return `/api/${document}/swagger.json`;
}

/**
 * A document without host and scheme: both are those it is fetched by.
 * @param operations those of the document
 */
export function swaggerDocument(document: DocumentName, operations: readonly Operation[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    paths[operation.path] ??= {};
    paths[operation.path]![operation.method.toLowerCase()] = operationJson(operation);
  }
  return {
    swagger: '2.0',
    info: { title: TITLES[document], version: '2.8' },
    basePath: '/',
    paths,
    definitions: definitionsOf(document),
  };
}

function operationJson({ id, body, parameters, returns }: Operation): object {
  const bodyJson = body && { in: 'body', name: body.name, required: true, schema: schemaOf(body.type) };
  return {
    operationId: id,
    // The official client finds its operations under this name.
    tags: ['api'],
    ...(body ? { consumes: ['application/json'] } : {}),
    produces: [returns === 'file' ? '*/*' : 'application/json'],
    parameters: [...parameters.map(parameterJson), ...(bodyJson ? [bodyJson] : [])],
    responses: { 200: { description: 'OK', schema: schemaOf(returns) }, ...REFUSALS },
  };
}

function parameterJson({ name, in: place, type, required }: Parameter): object {
  const common = { name, in: place, required: required ?? false };
  if (type === 'texts') return { ...common, type: 'array', items: { type: 'string' }, collectionFormat: 'multi' };
  return { ...common, type };
}
