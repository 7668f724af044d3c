// The completion mark as text: version of the mapping, step multiplier, digest of the content, and what a policy left out. Pure.

import { type CollisionPolicy, hasCollisions } from './step-collisions.ts';
import type { RunSurvey } from './survey.ts';
import type { RunContent } from './target.ts';

/** The marks of one mapping. */
export interface LoadMarks {
  /** Of a content: version, multiplier, digest. */
  markOf(content: RunContent): string;
  /**
   * Of one load: the policy is in it where it left out points, so that what was sent can be told later. Marks of two
   * policies are of one content, see `contentMark`.
   */
  loadMark(content: RunContent & { survey: RunSurvey; collisions?: CollisionPolicy }): string;
  /** A mark without the policy. */
  contentMark(mark: string | undefined): string | undefined;
  /** What a mark tells of its load; undefined for a mark of another mapping. */
  readMark(mark: string): { stepMultiplier: bigint; collisions: CollisionPolicy } | undefined;
  /** True if a mark of this mapping tells of this content, whatever the step multiplier was. */
  hasContent(mark: string | undefined, content: Pick<RunContent, 'digest'>): boolean;
}

/** @param version raised when the same archive would be laid out otherwise than before */
export function loadMarks(version: number): LoadMarks {
  const marks: LoadMarks = {
    markOf: ({ digest, stepMultiplier }) => `${version}:${stepMultiplier}:${digest}`,
    loadMark(content) {
      const { survey, collisions = 'stop', stepMultiplier } = content;
      const leavesOut = () =>
        [...survey.values()].some((entry) => entry.type === 'float_series' && hasCollisions(entry, stepMultiplier));
      return collisions === 'stop' || !leavesOut() ? marks.markOf(content) : `${marks.markOf(content)}:${collisions}`;
    },
    contentMark: (mark) => mark?.replace(/:keep-(?:first|last)$/, ''),
    readMark(mark) {
      const [, found, multiplier, policy] = /^(\d+):(\d+):[^:]*(?::(keep-first|keep-last))?$/.exec(mark) ?? [];
      if (Number(found) !== version || multiplier === undefined) return undefined;
      // Marks without a policy are of loads that left out nothing.
      return { stepMultiplier: BigInt(multiplier), collisions: (policy as CollisionPolicy | undefined) ?? 'stop' };
    },
    hasContent: (mark, { digest }) =>
      mark !== undefined &&
      marks.readMark(mark) !== undefined &&
      marks.contentMark(mark)?.endsWith(`:${digest}`) === true,
  };
  return marks;
}
