// The limits of the service, each with where it is from, and the rules for names.

import { demand } from './refusal.ts';

export interface Limits {
  /** Bytes of a line of a file stream. @default 10,383,360, "imposed by the back-end" says the SDK's source */
  lineBytes: number;
  /** Bytes of all lines of one file stream request, unless it has one line only. @default 10 MiB, what the SDK packs */
  streamBytes: number;
  /** Bytes of a GraphQL request. @default 32 MiB, assumed */
  graphqlBytes: number;
  /** Most files of a call. @default 2,000, the SDK's largest batch of artifact files */
  filesPerCall: number;
  /** Least bytes of a part but the last of a multipart upload. @default 5 MiB, that of S3 */
  partBytes: number;
  /** How long upload and download addresses are good, in seconds. @default 3600 */
  urlSeconds: number;
  /** Requests in a window of a second, for GraphQL and file streams each. @default without end */
  requestsPerSecond: number;
}

export const DEFAULT_LIMITS: Limits = {
  lineBytes: 10_383_360,
  streamBytes: 10 << 20,
  graphqlBytes: 32 << 20,
  filesPerCall: 2000,
  partBytes: 5 << 20,
  urlSeconds: 3600,
  requestsPerSecond: Number.POSITIVE_INFINITY,
};

/** Run ids: the SDK refuses these characters and blanks at the ends; its longest ids have 128. */
export function checkRunName(name: string): void {
  demand(name !== '' && name.length <= 128, `invalid run name ${JSON.stringify(name)}: 1 to 128 characters`);
  demand(!/[:;,#?/']/.test(name), `invalid run name ${JSON.stringify(name)}: cannot contain any of :;,#?/'`);
  demand(name.trim() === name, `invalid run name ${JSON.stringify(name)}: cannot start or end with whitespace`);
}

export function checkProjectName(name: string): void {
  demand(name !== '' && name.length <= 128, `invalid project name: 1 to 128 characters, got ${name.length}`);
  demand(!/[/\\#?%:\r\n]/.test(name), `invalid project name ${JSON.stringify(name)}: cannot contain /\\#?%:`);
}

export function checkDisplayName(name: string): void {
  demand(name.length <= 128, `displayName exceeds 128 characters, got ${name.length}`);
}

export function checkTags(tags: string[]): void {
  for (const tag of tags)
    demand(tag.length >= 1 && tag.length <= 64, `invalid tag ${JSON.stringify(tag)}: 1 to 64 characters`);
}

/** Paths of files: relative, with `/`, within their folder. */
export function checkPath(path: string): void {
  const isPlain = path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  demand(isPlain && !path.includes('\\') && !path.includes('\0'), `invalid file name ${JSON.stringify(path)}`);
}

export function checkArtifactName(name: string): void {
  demand(name !== '' && name.length <= 128, `invalid artifact name: 1 to 128 characters, got ${name.length}`);
  demand(!/[/:]/.test(name), `invalid artifact name ${JSON.stringify(name)}: cannot contain / or :`);
}

/** The pattern of the server's own input type, as the SDK's generated code has it. */
export function checkArtifactType(name: string): void {
  demand(
    name.length <= 128 && /^[-\p{L}\p{N}_]+([ ]*[-.\p{L}\p{N}_]+)*$/u.test(name),
    `invalid artifact type ${JSON.stringify(name)}`,
  );
}

export function checkAlias(alias: string): void {
  demand(alias !== '' && alias.length <= 128 && !/[/:]/.test(alias), `invalid alias ${JSON.stringify(alias)}`);
}

export function checkArtifactTag(tag: string): void {
  demand(tag.length <= 128 && /^[-\p{L}\p{N}_]+( +[-\p{L}\p{N}_]+)*$/u.test(tag), `invalid tag ${JSON.stringify(tag)}`);
}
