// Checks that what the parts of one run hold goes together: ids, single values, steps.

import { type AttributeType, isAttributeType } from '../../model/attributes.ts';
import { stepText } from '../../model/steps.ts';
import type { ArchiveRun, TypeCount } from '../types.ts';
import type { AttributeFacts, PartContent } from './part-content.ts';
import type { Finding } from './types.ts';

/** A part that was read to its end. */
export interface ReadPart {
  path: string;
  content: PartContent;
}

/** A finding, and the part it is of. */
export type PartFinding = Finding & { path?: string };

/** Parts with rows of another project or run. */
export function foreignParts(run: Pick<ArchiveRun, 'projectId' | 'runId'>, parts: readonly ReadPart[]): PartFinding[] {
  return parts.flatMap(({ path, content }) => {
    const found = (own: string, ids: readonly string[], what: string): PartFinding[] => {
      const others = ids.filter((id) => id !== own);
      if (others.length === 0) return [];
      const more = others.length > 1 ? ` and ${others.length - 1} more` : '';
      const message = `it has rows of the ${what} ${others[0]}${more}, not of ${own}`;
      return [{ code: 'ids_differ', message, path }];
    };
    return [...found(run.projectId, content.projectIds, 'project'), ...found(run.runId, content.runIds, 'run')];
  });
}

/**
 * Attributes that a part repeats, though an earlier one ended them. One finding for each part and kind: a part that lies there
 * twice repeats all that it has.
 * @param inOrder whether steps of a series must rise from part to part
 */
export function repetitions(parts: readonly ReadPart[], inOrder: boolean): PartFinding[] {
  const findings: PartFinding[] = [];
  const lastSteps = new Map<string, bigint | undefined>();
  for (const { path: part, content } of parts) {
    const repeated: AttributeFacts[] = [];
    const back: AttributeFacts[] = [];
    for (const facts of content.attributes) {
      const { path, type, firstStep, lastStep } = facts;
      const key = `${type}\0${path}`;
      const before = lastSteps.get(key);
      if (lastSteps.has(key) && isAttributeType(type) && !type.endsWith('_series')) repeated.push(facts);
      else if (inOrder && before !== undefined && firstStep !== undefined && firstStep <= before) back.push(facts);
      lastSteps.set(key, lastStep ?? before);
    }
    const [one] = repeated;
    if (one) {
      const what = repeated.length === 1 ? `the ${one.type}` : `${repeated.length} attributes, e.g. the ${one.type}`;
      findings.push({
        code: 'repeated_attribute',
        message: `it has again what an earlier part has: ${what}`,
        attributePath: one.path,
        path: part,
      });
    }
    const [first] = back;
    if (first) {
      const what = back.length === 1 ? `the ${first.type}` : `${back.length} series, e.g. the ${first.type}`;
      findings.push({
        code: 'steps_out_of_order',
        message: `it begins at or before the step where an earlier part ended: ${what} at ${stepText(first.firstStep!)}`,
        attributePath: first.path,
        path: part,
      });
    }
  }
  return findings;
}

/** Rows and attributes by type, those that hold nothing included: as `summary` counts them. */
export function countsOf(contents: readonly PartContent[]): Partial<Record<AttributeType, TypeCount>> {
  const counts: Partial<Record<AttributeType, TypeCount>> = {};
  const seen = new Set<string>();
  for (const { attributes } of contents) {
    for (const { path, type, rows } of attributes) {
      if (!isAttributeType(type)) continue;
      const count = counts[type] ?? { attributes: 0, rows: 0 };
      counts[type] = count;
      count.rows += rows;
      const key = `${type}\0${path}`;
      if (!seen.has(key)) count.attributes++;
      seen.add(key);
    }
  }
  return counts;
}
