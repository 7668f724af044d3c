// The backend part of the API: client configuration, projects, and its description in Swagger.

import { type Answer, jsonAnswer } from './answer.ts';
import type { Catalog, CatalogProject } from './catalog.ts';
import { accessDenied, badRequest } from './refusal.ts';

const MAX_PROJECT_PAGE = 1000;

/** GET …/clients/config. The largest version that fits is below clients of Neptune 2: they are to notice. */
export function clientConfig(url: string): Answer {
  return jsonAnswer({
    apiUrl: url,
    applicationUrl: url,
    pyLibVersions: { minRecommendedVersion: null, minCompatibleVersion: null, maxCompatibleVersion: '1.0.0' },
    artifacts: { enabled: false },
    security: {
      clientId: 'neptune-cli',
      openIdDiscovery: `${url}/auth/realms/neptune/.well-known/openid-configuration`,
    },
  });
}

/** GET …/projects: those of one workspace, or all. @throws Refusal 400, 403 */
export function listProjects(catalog: Catalog, query: URLSearchParams): Answer {
  const workspace = query.get('organizationIdentifier');
  const offset = wholeOf(query, 'offset', 0, Number.MAX_SAFE_INTEGER);
  const limit = wholeOf(query, 'limit', 100, MAX_PROJECT_PAGE);
  const all = [...catalog.projects.values()];
  const ofWorkspace = all.filter((project) => workspace === null || project.workspace === workspace);
  if (workspace !== null && ofWorkspace.length === 0) throw accessDenied(`the workspace "${workspace}"`);
  const term = query.get('searchTerm')?.toLowerCase() ?? '';
  const matching = ofWorkspace.filter(({ name }) => name.toLowerCase().includes(term));
  return jsonAnswer({
    entries: matching.slice(offset, offset + limit).map(projectJson),
    matchingItemCount: matching.length,
    totalItemCount: ofWorkspace.length,
  });
}

/** GET …/projects/get @throws Refusal 400, 403 */
export function getProject(catalog: Catalog, query: URLSearchParams): Answer {
  const path = query.get('projectIdentifier');
  if (path === null) throw badRequest('The query parameter projectIdentifier is required.');
  return jsonAnswer(projectJson(catalog.project(path)));
}

function projectJson(project: CatalogProject): Record<string, unknown> {
  return {
    id: project.id,
    name: project.name,
    projectKey: project.key,
    organizationId: project.workspaceId,
    organizationName: project.workspace,
    version: project.version,
    archived: false,
  };
}

function wholeOf(query: URLSearchParams, name: string, fallback: number, most: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > most) throw badRequest(`The query parameter ${name} must be 0 to ${most}.`);
  return number;
}

/** GET …/swagger.json: clients of Neptune 2, which list the projects of a workspace, read the operations from it. */
export function swagger(url: string): Answer {
  const text = (name: string, place = 'query', required = false) => ({ name, in: place, type: 'string', required });
  const number = (name: string) => ({ name, in: 'query', type: 'integer', required: false });
  const texts = (name: string) => ({
    ...text(name),
    type: 'array',
    items: { type: 'string' },
    collectionFormat: 'multi',
  });
  const operation = (operationId: string, schema: string, parameters: object[]) => ({
    get: {
      operationId,
      tags: ['api'],
      parameters,
      responses: { 200: { description: 'OK', schema: { $ref: `#/definitions/${schema}` } } },
    },
  });
  const object = { type: 'object' };
  const project = {
    ...object,
    properties: Object.fromEntries(
      ['id', 'name', 'projectKey', 'organizationId', 'organizationName'].map((name) => [name, { type: 'string' }]),
    ),
  };
  const projects = {
    ...object,
    properties: {
      entries: { type: 'array', items: { $ref: '#/definitions/Project' } },
      matchingItemCount: { type: 'integer' },
      totalItemCount: { type: 'integer' },
    },
  };
  return jsonAnswer({
    swagger: '2.0',
    info: { title: 'Neptune Backend API', version: '1' },
    host: new URL(url).host,
    schemes: ['http'],
    basePath: '/',
    consumes: ['application/json'],
    produces: ['application/json'],
    paths: {
      '/api/backend/v1/clients/config': operation('getClientConfig', 'Any', [
        text('X-Neptune-Api-Token', 'header'),
        text('alpha'),
      ]),
      '/api/backend/v1/authorization/oauth-token': operation('exchangeApiToken', 'Any', [
        text('X-Neptune-Api-Token', 'header', true),
      ]),
      '/api/backend/v1/projects': operation('listProjects', 'Projects', [
        text('organizationIdentifier'),
        text('userRelation'),
        text('searchTerm'),
        texts('sortBy'),
        texts('sortDirection'),
        number('offset'),
        number('limit'),
      ]),
      '/api/backend/v1/projects/get': operation('getProject', 'Project', [text('projectIdentifier', 'query', true)]),
    },
    definitions: { Any: object, Project: project, Projects: projects },
  });
}
