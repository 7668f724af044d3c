// Bytes: files, file sets as zips and member by member, images; and the lists of artifacts' files.

import { createHash } from 'node:crypto';
import { type Answer, bytesAnswer } from '../answer.ts';
import { pieces, rangeOf } from '../byte-ranges.ts';
import { badRequest, Refusal } from '../refusal.ts';
import { timeJson } from './attribute-json.ts';
import { attributeOf } from './catalog.ts';
import type { DemoContent, DemoFileSet } from './dataset.ts';
import { type Arguments, type Site, siteAnswer } from './operation.ts';
import { makeZip } from './zip.ts';

/** When all members of file sets were last changed. */
const MEMBER_TIME = Date.UTC(2023, 0, 1);
const BYTES = 'application/octet-stream';

/** downloadAttribute: a file, or a member of a file set. @throws Refusal 400, 404 */
export function downloadAttribute(args: Arguments, site: Site): Answer {
  const container = site.catalog.container(args.text('experimentId'));
  const name = args.text('attribute');
  const attribute = attributeOf(container, name, 'file', 'fileSet');
  const path = args.optionalText('path');
  if (attribute.type === 'file') {
    if (path !== undefined) throw badRequest(`The attribute "${name}" is a file, it has no path "${path}".`);
    return contentAnswer(attribute.file, { type: BYTES, name: attribute.file.name }, args, site);
  }
  if (path === undefined) throw badRequest(`The attribute "${name}" is a fileSet: a path is required.`);
  const member = attribute.fileSet.members.get(path);
  if (!member) throw new Refusal(404, 'FILE_NOT_FOUND', `There is no "${path}" in "${name}".`);
  return contentAnswer(member, { type: BYTES, name: path.slice(path.lastIndexOf('/') + 1) }, args, site);
}

/** prepareForDownloadFileSetAttributeZip @throws Refusal 400, 404 */
export function prepareZip(args: Arguments, site: Site): Answer {
  const container = site.catalog.container(args.text('experimentId'));
  const name = args.text('attribute');
  attributeOf(container, name, 'fileSet');
  return siteAnswer(site, { id: site.zips.add(container, name) });
}

/** getDownloadPrepareRequest: without a URL as long as the zip isn't ready. @throws Refusal 404 */
export function zipRequest(args: Arguments, site: Site): Answer {
  const id = args.text('id');
  const url = `${site.address}${site.pathOf('download')}?id=${id}`;
  return siteAnswer(site, { id, downloadUrl: site.zips.isReady(id) ? url : undefined });
}

/** download: a zip that is ready. @throws Refusal 404 */
export function downloadZip(args: Arguments, site: Site): Answer {
  const { container, attribute: name } = site.zips.take(args.text('id'));
  const { fileSet } = attributeOf(container, name, 'fileSet');
  const zip = makeZip([...fileSet.members].map(([path, member]) => [path, wholeOf(member)] as const));
  const zipName = fileSet.zipName ?? `${name.slice(name.lastIndexOf('/') + 1)}.zip`;
  const content = { sizeBytes: zip.length, read: (start: number, end: number) => zip.subarray(start, end) };
  return contentAnswer(content, { type: 'application/zip', name: zipName }, args, site);
}

/** lsFileSetAttribute: what lies in one folder of a file set. @throws Refusal 400, 404 */
export function listFileSet(args: Arguments, site: Site): Answer {
  const container = site.catalog.container(args.text('experimentId'));
  const { fileSet } = attributeOf(container, args.text('attribute'), 'fileSet');
  const path = args.text('path').replace(/\/$/, '');
  const entries = entriesOf(fileSet, path === '' ? '' : `${path}/`);
  if (entries.length === 0 && path !== '') throw new Refusal(404, 'FILE_NOT_FOUND', `There is no folder "${path}".`);
  return siteAnswer(site, entries);
}

function entriesOf({ members }: DemoFileSet, prefix: string) {
  const mtime = timeJson(MEMBER_TIME);
  const folders = new Set<string>();
  const files = [];
  for (const [path, { sizeBytes }] of members) {
    if (!path.startsWith(prefix)) continue;
    const rest = path.slice(prefix.length);
    const slash = rest.indexOf('/');
    if (slash < 0) files.push({ name: rest, size: BigInt(sizeBytes), mtime, fileType: 'file' });
    else folders.add(rest.slice(0, slash));
  }
  return [...[...folders].map((name) => ({ name, mtime, fileType: 'directory' })), ...files];
}

/** getImageSeriesValue @throws Refusal 400, 404 */
export function imageValue(args: Arguments, site: Site): Answer {
  const container = site.catalog.container(args.text('experimentId'));
  const { series } = attributeOf(container, args.text('attribute'), 'imageSeries');
  const index = args.whole('index', 0);
  if (index >= series.length) throw new Refusal(404, 'NOT_FOUND', `There is no image ${index}.`);
  const image = series.value(index);
  return contentAnswer(image, { type: image.mimeType }, args, site);
}

/** listArtifactFiles @throws Refusal 400, 404 */
export function listArtifactFiles(args: Arguments, site: Site): Answer {
  if (args.headers['x-neptune-artifact-api-version'] !== '2')
    throw badRequest('The header X-Neptune-Artifact-Api-Version must be 2.');
  const artifact = site.catalog.artifact(site.catalog.project(args.text('projectIdentifier')), args.text('hash'));
  return siteAnswer(site, {
    files: artifact.files.map(({ filePath, fileHash, type, size, metadata }) => ({
      filePath,
      fileHash,
      type,
      size: size === undefined ? undefined : BigInt(size),
      metadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    })),
  });
}

function wholeOf(content: DemoContent): Uint8Array {
  return content.read?.(0, content.sizeBytes) ?? new Uint8Array();
}

/** @param as the content type, and the name of the file where it has one */
function contentAnswer(content: DemoContent, as: { type: string; name?: string }, args: Arguments, site: Site): Answer {
  const { sizeBytes: size, read } = content;
  if (!read) throw new Refusal(404, 'FILE_NOT_FOUND', 'The content is not there.');
  const headers: Record<string, string> = { 'content-type': as.type };
  if (as.name !== undefined) headers['content-disposition'] = `attachment; filename="${headerText(as.name)}"`;
  const whole = { status: 200, headers, length: size, body: () => pieces(read, 0, size) };
  if (!site.ranges) return whole;
  const etag = `"${createHash('sha256').update(read(0, size)).digest('hex').slice(0, 32)}"`;
  Object.assign(headers, { etag, 'accept-ranges': 'bytes' });
  const { range: asked, 'if-range': condition } = args.headers;
  if (asked === undefined || (condition !== undefined && condition !== etag)) return whole;
  const range = rangeOf(asked, size);
  if (!range)
    return { ...bytesAnswer(416, BYTES, Buffer.alloc(0)), headers: { 'content-range': `bytes */${size}`, etag } };
  return {
    status: 206,
    headers: { ...headers, 'content-range': `bytes ${range.start}-${range.end - 1}/${size}` },
    length: range.end - range.start,
    body: () => pieces(read, range.start, range.end),
  };
}

/** Headers hold no control characters, and no others beyond one byte: names go as the bytes of their UTF-8. */
function headerText(name: string): string {
  const bytes = Buffer.from(name.replaceAll('"', '_'));
  return Buffer.from(bytes.map((byte) => (byte < 0x20 || byte === 0x7f ? 0x5f : byte))).toString('latin1');
}
