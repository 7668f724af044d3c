// The backend part of the API: configuration, token exchange, projects, workspaces.

import type { Answer } from '../answer.ts';
import { badRequest, Refusal } from '../refusal.ts';
import type { CatalogProject2 } from './catalog.ts';
import type { Json } from './json.ts';
import { type Arguments, type Site, siteAnswer } from './operation.ts';

const MAX_PROJECT_PAGE = 1000;
const TOKEN_HEADER = 'X-Neptune-Api-Token';

/** getClientConfig @throws Refusal 400 */
export function clientConfig(args: Arguments, site: Site): Answer {
  apiTokenOf(args);
  return siteAnswer(site, {
    apiUrl: site.address,
    applicationUrl: site.address,
    pyLibVersions: { minRecommendedVersion: '1.0.0', minCompatibleVersion: '0.10.0', maxCompatibleVersion: null },
    artifacts: site.features.artifacts ? { enabled: true, apiVersion: 2n } : undefined,
    multiPartUpload: { enabled: false },
    sysNameSetByBackend: true,
  });
}

/** exchangeApiToken @throws Refusal 400, 401 */
export function exchangeApiToken(args: Arguments, site: Site): Answer {
  return site.tokens.exchange(apiTokenOf(args));
}

/** A token of another kind is no token. @throws Refusal 400 */
function apiTokenOf(args: Arguments): string {
  const token = args.optionalText(TOKEN_HEADER) ?? '';
  try {
    const fields = JSON.parse(Buffer.from(token, 'base64').toString());
    if (typeof fields.api_address === 'string' && typeof fields.api_key === 'string') return token;
  } catch {
    // As below.
  }
  throw badRequest(`Parameter '${TOKEN_HEADER}' missing or invalid`);
}

/** listProjects: those of one workspace, or all. @throws Refusal 400, 404 */
export function listProjects(args: Arguments, site: Site): Answer {
  const workspace = args.optionalText('organizationIdentifier');
  const offset = args.whole('offset', 0);
  const limit = args.whole('limit', MAX_PROJECT_PAGE);
  if (limit > MAX_PROJECT_PAGE) throw badRequest(`The parameter limit must not be over ${MAX_PROJECT_PAGE}.`);
  const { projects } = site.catalog;
  const ofWorkspace = projects.filter((one) => [undefined, one.workspace, one.workspaceId].includes(workspace));
  if (workspace !== undefined && ofWorkspace.length === 0)
    throw new Refusal(404, 'ORGANIZATION_NOT_FOUND', `There is no workspace "${workspace}".`);
  const term = args.optionalText('searchTerm')?.toLowerCase() ?? '';
  const matching = ofWorkspace.filter(({ name }) => name.toLowerCase().includes(term));
  return siteAnswer(site, {
    entries: matching.slice(offset, offset + limit).map(projectJson),
    matchingItemCount: BigInt(matching.length),
    totalItemCount: BigInt(ofWorkspace.length),
  });
}

/** getProject @throws Refusal 404 */
export function getProject(args: Arguments, site: Site): Answer {
  return siteAnswer(site, projectJson(site.catalog.project(args.text('projectIdentifier'))));
}

/** listOrganizations */
export function listOrganizations(_args: Arguments, site: Site): Answer {
  const workspaces = new Map(site.catalog.projects.map(({ workspace, workspaceId }) => [workspace, workspaceId]));
  return siteAnswer(
    site,
    [...workspaces].map(([name, id]) => ({ id, name })),
  );
}

function projectJson(project: CatalogProject2): Json {
  return {
    id: project.id,
    name: project.name,
    projectKey: project.key,
    organizationId: project.workspaceId,
    organizationName: project.workspace,
    version: BigInt(project.version),
    archived: project.archived,
  };
}
