// Object storage behind signed addresses, as strict as S3 about what comes with them.

import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { demand, Refusal } from './refusal.ts';

export interface StoredObject {
  bytes: Buffer;
  /** base64 */
  md5: string;
  storedAt: Date;
}

/** What an address allows, besides its key. Headers that are signed must come with the request. */
export interface Grant {
  method: 'GET' | 'PUT';
  key: string;
  contentMd5?: string;
  contentType?: string;
  /** Of a multipart upload. */
  uploadID?: string;
  partNumber?: number;
}

interface Multipart {
  key: string;
  md5: string;
  /** MD5 that was announced for each part, in hex. */
  announced: Map<number, string>;
  parts: Map<number, StoredObject>;
}

export class Storage {
  readonly objects = new Map<string, StoredObject>();
  readonly #url: string;
  #seconds: number;
  readonly #partBytes: number;
  readonly #secret = randomBytes(16);
  readonly #uploads = new Map<string, Multipart>();

  constructor(url: string, options: { urlSeconds: number; partBytes: number }) {
    this.#url = url;
    this.#seconds = options.urlSeconds;
    this.#partBytes = options.partBytes;
  }

  /** From now on addresses are good for so long. */
  setSeconds(seconds: number): void {
    this.#seconds = seconds;
  }

  /** An address that is good for a while. */
  sign(grant: Grant): string {
    const { key, ...rest } = grant;
    const query = new URLSearchParams({ expires: String(Math.floor(Date.now() / 1000) + this.#seconds) });
    for (const [name, value] of Object.entries(rest)) query.set(name, String(value));
    query.set('signature', this.#signature(key, query));
    return `${this.#url}/storage/${key.split('/').map(encodeURIComponent).join('/')}?${query}`;
  }

  get(url: URL, headers: IncomingHttpHeaders): StoredObject {
    const key = this.#check('GET', url, headers);
    const found = this.objects.get(key);
    if (!found) throw new Refusal(404, 'NoSuchKey: the specified key does not exist.');
    return found;
  }

  /** @returns the ETag */
  put(url: URL, headers: IncomingHttpHeaders, bytes: Buffer): string {
    const key = this.#check('PUT', url, headers);
    if (headers['content-length'] === undefined)
      throw new Refusal(411, 'MissingContentLength: you must provide the Content-Length HTTP header.');
    const md5 = createHash('md5').update(bytes).digest('base64');
    const sent = headers['content-md5'];
    demand(
      sent === undefined || sent === md5,
      'BadDigest: the Content-MD5 you specified did not match what we received.',
    );
    const object = { bytes, md5, storedAt: new Date() };
    const hex = Buffer.from(md5, 'base64').toString('hex');
    const uploadID = url.searchParams.get('uploadID');
    if (uploadID === null) this.objects.set(key, object);
    else this.#putPart(uploadID, Number(url.searchParams.get('partNumber')), hex, object);
    return `"${hex}"`;
  }

  /** Begins an upload in parts. @param announced MD5 of each part, in hex */
  begin(key: string, md5: string, announced: Map<number, string>): string {
    const uploadID = randomBytes(12).toString('hex');
    this.#uploads.set(uploadID, { key, md5, announced, parts: new Map() });
    return uploadID;
  }

  /** Joins the parts. @param completed ETags by part @returns MD5 of the whole in base64 @throws Refusal */
  complete(uploadID: string, key: string, completed: { partNumber: number; hexMD5: string }[]): string {
    const upload = this.#uploads.get(uploadID);
    if (upload?.key !== key) throw new Refusal(404, 'NoSuchUpload: the specified upload does not exist.');
    demand(completed.length === upload.announced.size, 'InvalidPart: not all parts were completed.');
    const pieces = completed.map(({ partNumber, hexMD5 }, index) => {
      demand(partNumber === index + 1, 'InvalidPartOrder: the list of parts was not in ascending order.');
      const part = upload.parts.get(partNumber);
      const etag = part && Buffer.from(part.md5, 'base64').toString('hex');
      demand(part !== undefined && hexMD5.replaceAll('"', '') === etag, `InvalidPart: part ${partNumber}.`);
      const isLast = index === completed.length - 1;
      demand(isLast || part.bytes.length >= this.#partBytes, `EntityTooSmall: part ${partNumber}.`);
      return part.bytes;
    });
    const bytes = Buffer.concat(pieces);
    const md5 = createHash('md5').update(bytes).digest('base64');
    demand(md5 === upload.md5, `the parts make ${md5}, the file was announced as ${upload.md5}`);
    this.objects.set(key, { bytes, md5, storedAt: new Date() });
    this.#uploads.delete(uploadID);
    return md5;
  }

  #putPart(uploadID: string, partNumber: number, hex: string, object: StoredObject): void {
    const upload = this.#uploads.get(uploadID);
    if (!upload) throw new Refusal(404, 'NoSuchUpload: the specified upload does not exist.');
    demand(upload.announced.get(partNumber) === hex, `BadDigest: part ${partNumber} is not what was announced.`);
    upload.parts.set(partNumber, object);
  }

  #check(method: 'GET' | 'PUT', url: URL, headers: IncomingHttpHeaders): string {
    const key = decodeURIComponent(url.pathname.slice('/storage/'.length));
    const query = new URLSearchParams(url.searchParams);
    const signature = query.get('signature');
    query.delete('signature');
    demand(headers.authorization === undefined, 'InvalidArgument: only one auth mechanism allowed.');
    if (signature !== this.#signature(key, query) || query.get('method') !== method)
      throw new Refusal(403, 'SignatureDoesNotMatch: the signature does not match the one you provided.');
    if (Number(query.get('expires')) < Date.now() / 1000) throw new Refusal(403, 'AccessDenied: Request has expired.');
    for (const [parameter, header] of [
      ['contentMd5', 'content-md5'],
      ['contentType', 'content-type'],
    ] as const) {
      const signed = query.get(parameter);
      if (signed !== null && headers[header] !== signed)
        throw new Refusal(403, `SignatureDoesNotMatch: the header ${header} is not the signed one.`);
    }
    if (headers['transfer-encoding'] !== undefined)
      throw new Refusal(501, 'NotImplemented: a header you provided implies functionality that is not implemented.');
    return key;
  }

  #signature(key: string, query: URLSearchParams): string {
    return createHmac('sha256', this.#secret).update(`${key}\n${query}`).digest('hex');
  }
}
