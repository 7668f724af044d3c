// Pages of lists, as GraphQL connections.

import type { Arguments } from './graphql/execute.ts';
import { demand } from './refusal.ts';

export interface Connection<T> {
  totalCount: number;
  edges: { node: T; cursor: string }[];
  pageInfo: { endCursor: string | null; hasNextPage: boolean };
}

const MAX_PAGE = 10_000;

/** The page of a list that `first` and `after` ask for. @throws Refusal if the cursor is none of ours */
export function connection<T>(all: readonly T[], { first, after }: Arguments, pageSize = 50): Connection<T> {
  const start = typeof after === 'string' && after !== '' ? offsetOf(after) : 0;
  const size = typeof first === 'number' ? first : pageSize;
  demand(size >= 0 && size <= MAX_PAGE, `first must be from 0 to ${MAX_PAGE}`);
  const edges = all
    .slice(start, start + size)
    .map((node, at) => ({ node, cursor: Buffer.from(`offset:${start + at + 1}`).toString('base64') }));
  return {
    totalCount: all.length,
    edges,
    pageInfo: { endCursor: edges.at(-1)?.cursor ?? null, hasNextPage: start + edges.length < all.length },
  };
}

function offsetOf(cursor: string): number {
  const offset = /^offset:(\d+)$/.exec(Buffer.from(cursor, 'base64').toString())?.[1];
  demand(offset !== undefined, `invalid cursor ${JSON.stringify(cursor)}`);
  return Number(offset);
}
