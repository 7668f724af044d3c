// Parts of a multipart form, without copies of their bytes.

import { demand } from './refusal.ts';

export interface FormPart {
  fileName: string | undefined;
  bytes: Buffer;
}

const LINE = Buffer.from('\r\n');
const BLANK_LINE = Buffer.from('\r\n\r\n');

/** @throws Refusal 400 if it isn't whole, or a name comes twice */
export function readForm(contentType: string | undefined, body: Buffer): Map<string, FormPart> {
  const boundary = /^multipart\/form-data;.*\bboundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType ?? '');
  demand(boundary !== null, 'the body must be multipart/form-data with a boundary');
  const first = Buffer.from(`--${boundary[1] ?? boundary[2]}`);
  const next = Buffer.concat([LINE, first]);
  const parts = new Map<string, FormPart>();
  demand(body.subarray(0, first.length).equals(first), 'multipart: no boundary at the begin');
  let at = first.length;
  while (!isAt(body, at, '--')) {
    demand(isAt(body, at, '\r\n'), 'multipart: no line break after a boundary');
    const headEnd = body.indexOf(BLANK_LINE, at);
    const end = headEnd < 0 ? -1 : body.indexOf(next, headEnd + 2);
    demand(end >= 0, 'multipart: the body ends within a part');
    addPart(parts, body.toString('utf8', at + 2, headEnd), body.subarray(headEnd + BLANK_LINE.length, end));
    at = end + next.length;
  }
  return parts;
}

function isAt(body: Buffer, at: number, text: string): boolean {
  return body.toString('latin1', at, at + text.length) === text;
}

function addPart(parts: Map<string, FormPart>, head: string, bytes: Buffer): void {
  const disposition = /^content-disposition:\s*form-data\b(.*)$/im.exec(head)?.[1] ?? '';
  const name = /;\s*name="([^"]*)"/i.exec(disposition)?.[1];
  demand(name !== undefined, 'multipart: a part without a name');
  demand(!parts.has(name), `multipart: ${name} comes twice`);
  parts.set(name, { fileName: /;\s*filename="([^"]*)"/i.exec(disposition)?.[1], bytes });
}
