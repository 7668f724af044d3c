// POST …/attributes/definitions/query: which attributes, by name and type, some runs have.

import { type Answer, jsonAnswer } from './answer.ts';
import { attributeTest, FILTER_FIELDS, numbersOfToken, pageOf, runsOf, tokenOf } from './attribute-query.ts';
import type { Catalog } from './catalog.ts';
import { Fields } from './fields.ts';
import { badRequest } from './refusal.ts';
import { matcherOf } from './regex.ts';

const KNOWN = [...FILTER_FIELDS, 'projectIdentifiers', 'attributeNameRegex'];

/** @param queryProject the project of the URL, if it names one @throws Refusal 400, 403 */
export function queryDefinitions(catalog: Catalog, queryProject: string | undefined, body: unknown): Answer {
  const request = new Fields(body, 'body', KNOWN);
  const paths = request.has('projectIdentifiers') ? request.texts('projectIdentifiers') : [];
  if (queryProject !== undefined) paths.push(queryProject);
  if (paths.length === 0) throw badRequest('body.projectIdentifiers is required.');
  const projects = [...new Set(paths)].map((path) => catalog.project(path));
  const test = attributeTest(request);
  const oldRegex =
    request.has('attributeNameRegex') && !request.has('attributeNameFilter')
      ? matcherOf(request.text('attributeNameRegex'))
      : undefined;

  const seen = new Map<string, { name: string; type: string }>();
  for (const { attributes } of runsOf(request, catalog, projects)) {
    for (const [name, { type }] of attributes) {
      const key = `${type}:${name}`;
      if (!seen.has(key) && test(name, type) && (oldRegex?.(name) ?? true)) seen.set(key, { name, type });
    }
  }
  const page = pageOf(request);
  const start = page.from === undefined ? 0 : numbersOfToken(page.from, 1)[0]!;
  const end = start + page.limit;
  const entries = [...seen.values()].slice(start, end);
  return jsonAnswer({
    entries,
    nextPage: { limit: page.limit, ...(end < seen.size ? { nextPageToken: tokenOf([end]) } : {}) },
  });
}
