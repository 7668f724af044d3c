// Where a run's artifacts go: through the tracking server, or into a folder that we share with a server of our own.

import { copyFile, mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withoutUserInfo } from '../../http/redact.ts';
import { onDisk } from '../../model/disk-error.ts';
import { ExporterError } from '../../model/errors.ts';
import type { FileStore } from '../file-store.ts';
import type { MlflowClient } from './client.ts';

/** Where the artifacts of a run lie: below an address that takes and gives them, or in a folder of this machine. */
export type ArtifactPlace = { kind: 'proxy'; root: string } | { kind: 'folder'; folder: string };

const PROXY_ROUTE = '/api/2.0/mlflow-artifacts/artifacts';

/**
 * The store behind an artifact URI of MLflow.
 * @throws ExporterError as `artifactPlace`
 */
export function artifactStore(uri: string, client: MlflowClient, sharesFolders: boolean): FileStore {
  const place = artifactPlace(uri, client, sharesFolders);
  return {
    async put(path, file) {
      if (place.kind === 'proxy') await client.putArtifact(artifactUrl(place.root, path), file);
      else await onDisk(() => copyInto(join(place.folder, path), file));
    },
  };
}

/** The whole address of an artifact, percent-encoded. @param root of an ArtifactPlace */
export function artifactUrl(root: string, path: string): string {
  return `${root}/${encodePath(path)}`;
}

/**
 * The place behind an artifact URI of MLflow.
 * @param sharesFolders whether the server runs on this machine for us, so that its folders are ours
 * @throws ExporterError `unsupported` for stores that only the Python client reaches, with its own credentials
 */
export function artifactPlace(uri: string, client: MlflowClient, sharesFolders: boolean): ArtifactPlace {
  const root = proxyRoot(uri, client.base);
  if (root !== undefined) return { kind: 'proxy', root };
  const folder = localFolder(uri);
  if (folder !== undefined && sharesFolders) return { kind: 'folder', folder };
  const shown = withoutUserInfo(uri);
  if (folder !== undefined) {
    throw new ExporterError(
      'unsupported',
      `The MLflow server keeps artifacts in its own folder (${shown}) and does not take them over the network.`,
      {
        hint: 'Start the server with --serve-artifacts (its default), and load into a new experiment: use --name-prefix.',
      },
    );
  }
  const scheme = /^([a-z0-9+.-]+):/i.exec(uri)?.[1] ?? uri;
  throw new ExporterError(
    'unsupported',
    `The MLflow server expects its clients to write artifacts to ${scheme} storage themselves, which is not supported.`,
    {
      hint: 'Start the server with --artifacts-destination instead of --default-artifact-root, so that it stores them itself.',
    },
  );
}

/** Address below which the proxy takes files. */
function proxyRoot(uri: string, base: string): string | undefined {
  if (/^https?:/i.test(uri)) {
    return uri.includes(PROXY_ROUTE) ? uri.replace(/\/+$/, '') : undefined;
  }
  const [, host, path] = /^mlflow-artifacts:(?:\/\/([^/]*))?(\/.*)$/.exec(uri) ?? [];
  if (path === undefined) return undefined;
  const server = host ? `${new URL(base).protocol}//${host}` : base;
  return `${server}${PROXY_ROUTE}/${encodePath(path.replace(/^\/+|\/+$/g, ''))}`;
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

/** MLflow takes percent signs in a plain path for escapes too. */
function localFolder(uri: string): string | undefined {
  if (/^file:/i.test(uri)) return fileURLToPath(new URL(uri));
  if (/^[a-z][a-z0-9+.-]+:/i.test(uri)) return undefined;
  try {
    return decodeURIComponent(uri);
  } catch {
    return uri;
  }
}

/** A file that is half copied must not look like a whole one; the next load finishes it under the same name. */
async function copyInto(target: string, file: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const partial = `${target}.partial`;
  await copyFile(file, partial);
  await rename(partial, target);
}
