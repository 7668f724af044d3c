// An answer of the demo server before it is sent.

import type { ProtobufWriter } from './protobuf-writer.ts';

export interface Answer {
  status: number;
  headers: Record<string, string>;
  /** Length of the body in bytes. */
  length: number;
  /** The body, in pieces that are made when they can be sent. */
  body(): Iterable<Uint8Array>;
}

export function bytesAnswer(status: number, type: string, bytes: Uint8Array): Answer {
  return { status, headers: { 'content-type': type }, length: bytes.length, body: () => [bytes] };
}

export function jsonAnswer(value: unknown, status = 200): Answer {
  return bytesAnswer(status, 'application/json', Buffer.from(JSON.stringify(value)));
}

export function protobufAnswer(writer: ProtobufWriter): Answer {
  return bytesAnswer(200, 'application/x-protobuf', writer.finish());
}

export function errorAnswer(status: number, errorType: string, message: string, title?: string): Answer {
  return jsonAnswer({ code: status, errorType, ...(title === undefined ? {} : { title }), message }, status);
}
