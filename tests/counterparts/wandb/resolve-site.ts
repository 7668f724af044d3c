// Resolvers of the account, the server and its projects.

import { connection } from './connections.ts';
import type { Resolvers } from './graphql/execute.ts';
import type { Site } from './site.ts';
import type { Project, Run } from './store.ts';

type Text = string | null | undefined;

const describeEntity = (name: string) => ({ id: Buffer.from(`Entity:${name}`).toString('base64'), name });

/** One account, without an organization: as on a server of one's own. */
export const SITE_RESOLVERS: Resolvers<Site> = {
  Query: {
    viewer: (_: never, __, { user }) => ({ ...user }),
    serverInfo: () => ({
      // The SDK refuses to go on when its version is below the least one.
      cliVersionInfo: { max_cli_version: '0.31.0', min_cli_version: '0.12.0' },
      latestLocalVersionInfo: null,
    }),
    entity: (_: never, { name }, { store }) =>
      store.entities.includes((name as Text) || store.entities[0]!)
        ? describeEntity((name as Text) || store.entities[0]!)
        : null,
    organization: () => null,
    model: (_: never, { name, entityName }, { store }) => store.find(entityName as Text, name as Text) ?? null,
    project: (_: never, { name, entityName }, { store }) => store.find(entityName as Text, name as Text) ?? null,
    models: (_: never, given, { store }) => {
      const entity = (given.entityName as Text) || store.entities[0];
      return connection(
        [...store.projects.values()].filter((one) => one.entity === entity),
        given,
      );
    },
  },
  ServerInfo: { features: (_: never, __, { features }) => features.map((name) => ({ name, isEnabled: true })) },
  User: {
    admin: () => false,
    flags: () => '{}',
    deletedAt: () => null,
    entity: (_: never, __, { store }) => store.entities[0]!,
    apiKeys: () => ({ edges: [] }),
    teams: (_: never, __, { store }) => ({ edges: store.entities.map((name) => ({ node: describeEntity(name) })) }),
  },
  Entity: {
    organization: () => null,
    user: (_: never, __, { user }) => ({ ...user }),
    isTeam: () => false,
    entityType: () => 'user',
    xxhashDigestsEnabled: () => false,
    project: ({ name: entity }: { name: string }, { name }, { store }) => store.find(entity, name as Text) ?? null,
  },
  Project: {
    internalId: ({ internalId }: Project) => String(internalId),
    entity: ({ entity }: Project) => describeEntity(entity),
    entityName: ({ entity }: Project) => entity,
    createdAt: ({ createdAt }: Project) => createdAt.toISOString(),
    updatedAt: ({ createdAt, runs }: Project) =>
      new Date(Math.max(+createdAt, ...[...runs.values()].map((run: Run) => +run.heartbeatAt))).toISOString(),
    access: () => 'PRIVATE',
    views: () => null,
    isBenchmark: () => false,
    readOnly: () => false,
    user: (_: never, __, { user }) => ({ ...user }),
  },
};
