// POST …/attributes/query: values of attributes of some runs.

import { type Answer, protobufAnswer } from './answer.ts';
import { writeAttribute } from './attribute-message.ts';
import {
  attributeTest,
  checkNameBytes,
  FILTER_FIELDS,
  numbersOfToken,
  pageOf,
  runsOf,
  tokenOf,
} from './attribute-query.ts';
import type { Catalog, CatalogProject, CatalogRun } from './catalog.ts';
import type { DemoAttribute } from './dataset.ts';
import { Fields } from './fields.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

const KNOWN = [...FILTER_FIELDS, 'attributeNamesFilter'];

/**
 * The limit counts values, so a run's values may go over several pages.
 * @returns ProtoQueryAttributesResultDTO @throws Refusal 400, 403
 */
export function queryValues(catalog: Catalog, project: CatalogProject, body: unknown): Answer {
  const request = new Fields(body, 'body', KNOWN);
  const runs = runsOf(request, catalog, [project]);
  const names = request.has('attributeNamesFilter') ? new Set(request.texts('attributeNamesFilter')) : undefined;
  if (names) checkNameBytes(names, request.has('experimentIdsFilter') ? runs.length : 0);
  const test = attributeTest(request);
  const page = pageOf(request);
  const [firstRun, firstValue] = page.from === undefined ? [0, 0] : (numbersOfToken(page.from, 2) as [number, number]);

  const out = new ProtobufWriter(1 << 16);
  let room = page.limit;
  let next: string | undefined;
  for (let index = firstRun; index < runs.length && next === undefined; index++) {
    const run = runs[index]!;
    const values = attributesOf(run, names).filter(([name, attribute]) => test(name, attribute.type));
    const from = index === firstRun ? firstValue : 0;
    const part = values.slice(from, from + room);
    room -= part.length;
    if (part.length > 0) writeRun(out, run, part);
    if (from + part.length < values.length) next = tokenOf([index, from + part.length]);
  }
  out.message(2, () => {
    if (next !== undefined) out.stringAlways(1, next);
    out.intAlways(2, page.limit);
  });
  return protobufAnswer(out);
}

function attributesOf(run: CatalogRun, names: Set<string> | undefined): [string, DemoAttribute][] {
  if (!names) return [...run.attributes];
  return [...names].flatMap((name) => {
    const attribute = run.attributes.get(name);
    return attribute ? [[name, attribute] as [string, DemoAttribute]] : [];
  });
}

function writeRun(out: ProtobufWriter, run: CatalogRun, values: [string, DemoAttribute][]): void {
  out.message(1, () => {
    out.string(1, run.internalId);
    out.string(2, run.sysId);
    for (const [name, attribute] of values) writeAttribute(out, 3, name, attribute);
  });
}
