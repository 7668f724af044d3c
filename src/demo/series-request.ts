// What the two series requests (float; string, histogram, file) have in common: series, step range, lineage.

import { type Catalog, type CatalogProject, type CatalogRun, textOf } from './catalog.ts';
import type { DemoAttribute, Series } from './dataset.ts';
import type { Fields } from './fields.ts';
import { badRequest } from './refusal.ts';

export interface StepRange {
  from: number;
  to: number;
  descending: boolean;
}

/** `stepRange` (closed on both ends) and `order` of a request. @throws Refusal 400 */
export function stepRangeOf(request: Fields): StepRange {
  const range = request.has('stepRange') ? request.object('stepRange', ['from', 'to']) : undefined;
  return {
    from: range?.number('from') ?? -Infinity,
    to: range?.number('to') ?? Infinity,
    descending: request.has('order') && request.word('order', ['ascending', 'descending']) === 'descending',
  };
}

/** A series that is asked for. */
export interface SeriesWish {
  /** Undefined if the run or its attribute isn't there. */
  attribute: DemoAttribute | undefined;
  name: string;
  /** The run and its ancestors whose points count, the run itself last; each with its last step that counts. */
  lineage: { run: CatalogRun; until: number }[];
  includePreview: boolean;
}

const KNOWN = ['holder', 'attribute', 'lineage', 'lineageEntityType', 'includePreview'];

/** Reads the field `series` of one of the `requests`. @throws Refusal 400, 403 */
export function seriesWish(request: Fields, catalog: Catalog): SeriesWish {
  const series = request.object('series', KNOWN);
  const holder = series.object('holder', ['identifier', 'type']);
  holder.word('type', ['experiment']);
  const found = catalog.run(holder.text('identifier'));
  const name = series.text('attribute');
  const full = series.has('lineage') && series.word('lineage', ['FULL', 'NONE']) === 'FULL';
  const byExperiment =
    series.has('lineageEntityType') && series.word('lineageEntityType', ['RUN', 'EXPERIMENT']) === 'EXPERIMENT';
  return {
    attribute: found?.run.attributes.get(name),
    name,
    lineage: found ? lineageOf(found.project, found.run, full, byExperiment) : [],
    includePreview: series.flag('includePreview', false),
  };
}

/**
 * FULL goes up to the root. NONE is the run alone, but ancestors of the same experiment count as the run's own when
 * experiments are asked for. A parent counts up to the step of the fork.
 */
function lineageOf(project: CatalogProject, run: CatalogRun, full: boolean, byExperiment: boolean) {
  const lineage = [{ run, until: Infinity }];
  const experiment = textOf(run.attributes, 'sys/name');
  let until = Infinity;
  for (let child = run; ; ) {
    const parent = project.byRunId.get(textOf(child.attributes, 'sys/forking/parent') ?? '');
    const step = child.attributes.get('sys/forking/step');
    if (!parent || step?.type !== 'float' || lineage.some((one) => one.run === parent)) return lineage;
    const same = byExperiment && experiment !== undefined && textOf(parent.attributes, 'sys/name') === experiment;
    if (!full && !same) return lineage;
    until = Math.min(until, step.value);
    lineage.unshift({ run: parent, until });
    child = parent;
  }
}

/** Series of one attribute through the lineage of a run, looked at as one. */
export class SeriesView<T, S extends Series<T> = Series<T>> {
  readonly #parts: { series: S; first: number; length: number }[] = [];
  readonly length: number;

  /** @param pick gives the series of an attribute, undefined if it has another type */
  constructor(wish: SeriesWish, pick: (attribute: DemoAttribute) => S | undefined) {
    const parts: { series: S; length: number }[] = [];
    let next = Infinity;
    for (const { run, until } of wish.lineage.toReversed()) {
      const attribute = run.attributes.get(wish.name);
      const series = attribute && pick(attribute);
      if (!series) continue;
      // Steps have to rise: where a fork went back behind its fork step, its own points count.
      const length = firstIndex(series.length, (index) => series.step(index) > until || series.step(index) >= next);
      parts.unshift({ series, length });
      if (length > 0) next = series.step(0);
    }
    let first = 0;
    for (const part of parts) {
      this.#parts.push({ ...part, first });
      first += part.length;
    }
    this.length = first;
  }

  step(index: number): number {
    const { series, first } = this.#partOf(index);
    return series.step(index - first);
  }

  /** The series that holds the point, and the point's index in it. */
  at(index: number): { series: S; index: number } {
    const { series, first } = this.#partOf(index);
    return { series, index: index - first };
  }

  /** Index of the first point whose step is not below `step` (`inclusive`) or above it. */
  indexOf(step: number, inclusive: boolean): number {
    return firstIndex(this.length, (index) => (inclusive ? this.step(index) >= step : this.step(index) > step));
  }

  #partOf(index: number) {
    const last = this.#parts.at(-1)!;
    if (index >= last.first) return last;
    return this.#parts.findLast((part) => index >= part.first)!;
  }
}

/** Bisection for the first index that passes a test which all later ones pass, too; `length` if none does. */
export function firstIndex(length: number, passes: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (passes(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Ids of requests are unique in a request. @throws Refusal 400 */
export function checkRequestIds(ids: readonly string[]): void {
  if (new Set(ids).size !== ids.length) throw badRequest('body.requests has a requestId twice.');
}
