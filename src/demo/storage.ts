// Files: signed URLs, and the object storage behind them.

import { createHash, createHmac, randomBytes } from 'node:crypto';
import { type Answer, bytesAnswer, jsonAnswer } from './answer.ts';
import { pieces, rangeOf } from './byte-ranges.ts';
import type { Catalog } from './catalog.ts';
import type { DataSet, DemoFile } from './dataset.ts';
import { Fields } from './fields.ts';
import { MAX_SIGNED_FILES } from './limits.ts';
import { badRequest, Refusal } from './refusal.ts';
import { sameText } from './tokens.ts';

/** What the storage pretends to be; it decides how an ended signature is refused. */
export type StorageProvider = 'gcp' | 'aws' | 'azure';
/** Path under which signed URLs lie. */
export const STORAGE_PATH = '/storage/';

export class Storage {
  readonly #url: string;
  readonly #provider: StorageProvider;
  readonly #lifetime: number;
  readonly #secret = randomBytes(32);

  /** @param lifetime of signed URLs, in seconds */
  constructor(url: string, provider: StorageProvider, lifetime: number) {
    this.#url = url;
    this.#provider = provider;
    this.#lifetime = lifetime;
  }

  /** POST …/signedUrl. A file that isn't there gets a URL, too, as storages sign any name. @throws Refusal 400, 403, 413 */
  sign(catalog: Catalog, body: unknown): Answer {
    const request = new Fields(body, 'body', ['files']);
    const wishes = request.list('files', (item, place) => {
      const file = new Fields(item, place, ['project_identifier', 'path', 'permission', 'size']);
      if (file.word('permission', ['read', 'write']) === 'write') throw badRequest('This server is for reading only.');
      return { project: catalog.project(file.text('project_identifier')).path, path: file.text('path') };
    });
    if (wishes.length > MAX_SIGNED_FILES) {
      throw new Refusal(413, 'TOO_MANY_FILES', `At most ${MAX_SIGNED_FILES} files can be signed at once.`);
    }
    const files = wishes.map(({ project, path }) => ({
      path,
      project_identifier: project,
      provider: this.#provider,
      url: this.#signedUrl(project, path),
      multipart: null,
    }));
    return jsonAnswer({ files });
  }

  /** Answers a GET of a signed URL. @param find looks a file up by project and path */
  get(url: URL, headers: Record<string, string | string[] | undefined>, find: FileFinder): Answer {
    if (headers.authorization !== undefined)
      return refused(400, 'InvalidArgument', 'Only one way to authorize, please.');
    const [, workspace, name, ...rest] = url.pathname.slice(STORAGE_PATH.length).split('/').map(decoded);
    const project = `${workspace}/${name}`;
    const path = rest.join('/');
    const expires = Number(url.searchParams.get('se'));
    const signature = url.searchParams.get('sig') ?? '';
    if (!sameText(this.#signature(project, path, expires), signature)) {
      return refused(403, 'SignatureDoesNotMatch', 'The signature is not the one of this URL.');
    }
    if (expires <= Date.now()) {
      return refused(this.#provider === 'azure' ? 403 : 400, 'ExpiredToken', 'The signed URL has ended.');
    }
    const file = find(project, path);
    if (!file?.read) return refused(404, 'NoSuchKey', 'There is no such object.');
    return fileAnswer(file, headers);
  }

  #signedUrl(project: string, path: string): string {
    const expires = Date.now() + this.#lifetime * 1000;
    const query = new URLSearchParams({
      // Names of Azure: its SDK drops others.
      se: String(expires),
      sig: this.#signature(project, path, expires),
    });
    const place = `${project}/${path}`.split('/').map(encodeURIComponent).join('/');
    return `${this.#url}${STORAGE_PATH}demo/${place}?${query}`;
  }

  #signature(project: string, path: string, expires: number): string {
    return createHmac('sha256', this.#secret)
      .update(JSON.stringify([project, path, expires]))
      .digest('base64url');
  }
}

/** What isn't percent-encoded well stays as it is; no signature fits it. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export type FileFinder = (project: string, path: string) => DemoFile | undefined;

/** Indexes the files of a data set by project and path; file series are walked when the project is first asked for. */
export function fileFinder(data: DataSet): FileFinder {
  const indexes = new Map<string, Map<string, DemoFile>>();
  return (path, file) => {
    let index = indexes.get(path);
    const project = data.projects.find((one) => one.path === path);
    if (!project) return undefined;
    if (!index) {
      index = new Map(filesOf(project).map((one) => [one.path, one]));
      indexes.set(path, index);
    }
    return index.get(file);
  };
}

function filesOf(project: DataSet['projects'][number]): DemoFile[] {
  return project.runs.flatMap(({ attributes }) =>
    [...attributes.values()].flatMap((attribute) => {
      if (attribute.type === 'fileRef') return [attribute.file];
      if (attribute.type !== 'fileRefSeries') return [];
      return Array.from({ length: attribute.series.length }, (_, index) => attribute.series.value(index));
    }),
  );
}

function fileAnswer(file: DemoFile, headers: Record<string, string | string[] | undefined>): Answer {
  const etag = `"${createHash('sha256').update(`${file.path}:${file.sizeBytes}`).digest('hex').slice(0, 32)}"`;
  const common = {
    'content-type': file.mimeType || 'application/octet-stream',
    'accept-ranges': 'bytes',
    'last-modified': 'Wed, 01 Jan 2025 00:00:00 GMT',
    'x-ms-blob-type': 'BlockBlob',
    etag,
  };
  const asked = headers['x-ms-range'] ?? headers.range;
  const condition = headers['if-range'];
  if (typeof asked !== 'string' || (condition !== undefined && condition !== etag)) {
    return { status: 200, headers: common, length: file.sizeBytes, body: () => pieces(file.read!, 0, file.sizeBytes) };
  }
  const range = rangeOf(asked, file.sizeBytes);
  if (!range) {
    const answer = refused(416, 'InvalidRange', 'The range is outside of the object.');
    return { ...answer, headers: { ...answer.headers, 'content-range': `bytes */${file.sizeBytes}` } };
  }
  return {
    status: 206,
    headers: { ...common, 'content-range': `bytes ${range.start}-${range.end - 1}/${file.sizeBytes}` },
    length: range.end - range.start,
    body: () => pieces(file.read!, range.start, range.end),
  };
}

/** Errors of object storages are XML, not the API's JSON. */
function refused(status: number, code: string, message: string): Answer {
  const text = `<?xml version='1.0' encoding='UTF-8'?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  const answer = bytesAnswer(status, 'application/xml', Buffer.from(text));
  return { ...answer, headers: { ...answer.headers, 'x-ms-error-code': code } };
}
