// Decoding of Neptune 3's small messages: found runs, attribute values, points of string, histogram and file series.

import type { Histogram, ScalarRow } from '../../model/batches.ts';
import type { ProtobufReader } from '../protobuf.ts';

export interface FileRef {
  path: string;
  sizeBytes: number;
  mimeType: string;
}

/** An attribute of a run as attributes/query tells it: a value, or what is known of a series or file. */
export type AttributeValue =
  | { kind: 'scalar'; row: ScalarRow }
  | { kind: 'series'; path: string; type: SeriesKind; lastStep: number | undefined }
  | { kind: 'file'; path: string; file: FileRef }
  | { kind: 'unknown'; path: string; type: string };

export type SeriesKind = 'float_series' | 'string_series' | 'histogram_series' | 'file_series';

export interface FoundRun {
  attributes: AttributeValue[];
}

/** ProtoLeaderboardEntriesSearchResultDTO. */
export function decodeEntries(reader: ProtobufReader): { total: number; runs: FoundRun[] } {
  let total = 0;
  const runs: FoundRun[] = [];
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 1) total = Number(reader.int64());
    else if (field === 3) runs.push(decodeEntry(reader.message()));
    else reader.skip();
  }
  return { total, runs };
}

function decodeEntry(reader: ProtobufReader): FoundRun {
  const attributes: AttributeValue[] = [];
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 7) attributes.push(decodeAttribute(reader.message()));
    else reader.skip();
  }
  return { attributes };
}

/** ProtoQueryAttributesResultDTO: attributes by the sys id of their run. */
export function decodeAttributes(reader: ProtobufReader): {
  runs: { sysId: string; attributes: AttributeValue[] }[];
  nextPageToken: string | undefined;
} {
  const runs: { sysId: string; attributes: AttributeValue[] }[] = [];
  let nextPageToken: string | undefined;
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 1) runs.push(decodeRunAttributes(reader.message()));
    else if (field === 2) nextPageToken = decodeNextPage(reader.message());
    else reader.skip();
  }
  return { runs, nextPageToken };
}

function decodeRunAttributes(reader: ProtobufReader): { sysId: string; attributes: AttributeValue[] } {
  let sysId = '';
  const attributes: AttributeValue[] = [];
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 2) sysId = reader.text();
    else if (field === 3) attributes.push(decodeAttribute(reader.message()));
    else reader.skip();
  }
  return { sysId, attributes };
}

function decodeNextPage(reader: ProtobufReader): string | undefined {
  let token: string | undefined;
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 1) token = reader.text();
    else reader.skip();
  }
  return token === '' ? undefined : token;
}

/** ProtoAttributeDTO. The field that holds the properties tells the type; `type` is only needed for unknown ones. */
export function decodeAttribute(reader: ProtobufReader): AttributeValue {
  let path = '';
  let type = '';
  let properties: { field: number; reader: ProtobufReader } | undefined;
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 1) path = reader.text();
    else if (field === 2) type = reader.text();
    else if (field >= 3 && field <= 13) properties = { field, reader: reader.message() };
    else reader.skip();
  }
  return (properties && decodeProperties(path, properties.field, properties.reader)) ?? { kind: 'unknown', path, type };
}

/** Field 3 of every properties message is its value; left out on the wire it is the type's default (proto3). */
function decodeProperties(path: string, kind: number, reader: ProtobufReader): AttributeValue | undefined {
  const scalar = (row: ScalarRow): AttributeValue => ({ kind: 'scalar', row });
  if (kind === 3) return scalar({ path, type: 'int', value: value(reader, 0n, () => reader.int64()) });
  if (kind === 4) return scalar({ path, type: 'float', value: value(reader, 0, () => reader.double()) });
  if (kind === 5) return scalar({ path, type: 'string', value: value(reader, '', () => reader.text()) });
  if (kind === 6) return scalar({ path, type: 'bool', value: value(reader, false, () => reader.bool()) });
  if (kind === 7) return scalar({ path, type: 'datetime', value: value(reader, 0n, () => reader.int64()) });
  if (kind === 8) {
    const set: string[] = [];
    value(reader, undefined, () => void set.push(reader.text()));
    return scalar({ path, type: 'string_set', value: set });
  }
  if (kind === 10) return { kind: 'file', path, file: decodeFileRef(reader) };
  const type = SERIES_FIELDS[kind];
  return type && { kind: 'series', path, type, lastStep: value(reader, undefined, () => reader.double()) };
}

const SERIES_FIELDS: Record<number, SeriesKind> = {
  9: 'float_series',
  11: 'string_series',
  12: 'file_series',
  13: 'histogram_series',
};

function value<T>(reader: ProtobufReader, absent: T, read: () => T): T {
  let result = absent;
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 3) result = read();
    else reader.skip();
  }
  return result;
}

/** ProtoFileRefProperties: path 3, sizeBytes 4, mimeType 5. */
function decodeFileRef(reader: ProtobufReader): FileRef {
  return fileRef(reader, 3);
}

/** A file reference whose three fields begin at `first`. */
function fileRef(reader: ProtobufReader, first: number): FileRef {
  const file: FileRef = { path: '', sizeBytes: 0, mimeType: '' };
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === first) file.path = reader.text();
    else if (field === first + 1) file.sizeBytes = Number(reader.int64());
    else if (field === first + 2) file.mimeType = reader.text();
    else reader.skip();
  }
  return file;
}

/** A point of a string, histogram or file series. */
export interface SeriesPoint {
  timestamp: bigint;
  step: number;
  value: string | Histogram | FileRef | undefined;
}

export interface SeriesPage {
  requestId: string;
  /** Absent: this answer had no room for the series, or there is none. */
  searchAfter: { finished: boolean; token: string } | undefined;
  points: SeriesPoint[];
}

/** ProtoSeriesValuesResponseDTO. */
export function decodeSeriesPages(reader: ProtobufReader): SeriesPage[] {
  const pages: SeriesPage[] = [];
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 1) pages.push(decodeSeriesPage(reader.message()));
    else reader.skip();
  }
  return pages;
}

function decodeSeriesPage(reader: ProtobufReader): SeriesPage {
  const page: SeriesPage = { requestId: '', searchAfter: undefined, points: [] };
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 1) page.requestId = reader.text();
    else if (field === 2) page.searchAfter = decodeSearchAfter(reader.message());
    else if (field === 3 || field === 4) decodePoints(reader.message(), page.points);
    else reader.skip();
  }
  return page;
}

function decodeSearchAfter(reader: ProtobufReader): { finished: boolean; token: string } {
  const after = { finished: false, token: '' };
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 1) after.finished = reader.bool();
    else if (field === 2) after.token = reader.text();
    else reader.skip();
  }
  return after;
}

function decodePoints(reader: ProtobufReader, points: SeriesPoint[]): void {
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 1) points.push(decodePoint(reader.message()));
    else reader.skip();
  }
}

function decodePoint(reader: ProtobufReader): SeriesPoint {
  const point: SeriesPoint = { timestamp: 0n, step: 0, value: undefined };
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 1) point.timestamp = reader.int64();
    else if (field === 2) point.step = reader.double();
    else if (field === 3) point.value ??= reader.text();
    else if (field === 6) point.value = decodeObject(reader.message());
    else reader.skip();
  }
  return point;
}

/** ProtoSeriesPointValueObjectDTO: a oneof, so "" is written and is a value. */
function decodeObject(reader: ProtobufReader): string | Histogram | FileRef | undefined {
  let result: string | Histogram | FileRef | undefined;
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 1) result = reader.text();
    else if (field === 2) result = decodeHistogram(reader.message());
    else if (field === 3) result = fileRef(reader.message(), 1);
    else reader.skip();
  }
  return result;
}

function decodeHistogram(reader: ProtobufReader): Histogram {
  let type = '';
  const edges: number[] = [];
  const values: number[] = [];
  for (let field = reader.next(); field; field = reader.next()) {
    if (field === 1) type = reader.text();
    else if (field === 2) reader.doubles(edges);
    else if (field === 3) reader.doubles(values);
    else reader.skip();
  }
  return { type, edges: Float64Array.from(edges), values: Float64Array.from(values) };
}
