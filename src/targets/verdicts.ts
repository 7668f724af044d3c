// Collects what a comparison finds of one run, and says what became of each attribute.

import type { AttributeType } from '../model/attributes.ts';
import type { Failure } from '../model/errors.ts';
import { type RunSurvey, surveyKey } from './survey.ts';
import type { Alteration, AttributeVerdict, RunVerdict, TargetDifference } from './target.ts';

/** Differences of one attribute that are kept: a file series may have thousands. */
const KEPT = 5;
const KEPT_EXTRAS = 20;

interface Found {
  differences: TargetDifference[];
  more: number;
  isDifferent: boolean;
}

export class Verdicts {
  readonly #byAttribute = new Map<string, Found>();
  readonly #ofRun: TargetDifference[] = [];
  readonly #extras: RunVerdict['extras'] = { count: 0, first: [] };

  /** @param attribute absent for what concerns the run as a whole */
  add(attribute: { path: string; type: AttributeType } | undefined, difference: TargetDifference): void {
    if (!attribute) {
      this.#ofRun.push(difference);
      return;
    }
    const key = surveyKey(attribute.type, attribute.path);
    const found = this.#byAttribute.get(key) ?? { differences: [], more: 0, isDifferent: false };
    this.#byAttribute.set(key, found);
    if (found.differences.length < KEPT) found.differences.push(difference);
    else found.more++;
    if (difference.kind === 'different') found.isDifferent = true;
  }

  /** Something at the target that nothing in the archive accounts for. */
  extra(what: string): void {
    this.#extras.count++;
    if (this.#extras.first.length < KEPT_EXTRAS) this.#extras.first.push(what);
  }

  /**
   * @param alterations of the whole run
   * @param failures what of the archive could not be given to the comparison
   */
  result(
    survey: RunSurvey,
    alterations: readonly Alteration[],
    failures: readonly Failure[],
    counts: Pick<RunVerdict, 'points' | 'files' | 'bytes'>,
  ): RunVerdict {
    const codes = Map.groupBy(alterations, ({ attributePath }) => attributePath);
    const failed = Map.groupBy(failures, ({ attributePath }) => attributePath);
    const verdict: RunVerdict = {
      ...{ equal: 0, altered: 0, missing: 0, different: 0, unclear: 0 },
      attributes: this.#runVerdicts(codes.get(undefined) ?? [], failed.get(undefined) ?? []),
      extras: this.#extras,
      ...counts,
    };
    for (const [key, { path, type }] of survey) {
      const found = this.#byAttribute.get(key);
      const unclear = failed.get(path)?.filter(({ attributeType }) => (attributeType ?? type) === type) ?? [];
      const altered = codes.get(path) ?? [];
      const state = found ? stateOf(found) : unclear.length > 0 ? 'unclear' : altered.length > 0 ? 'altered' : 'equal';
      verdict[state]++;
      if (state === 'equal') continue;
      verdict.attributes.push({
        attributePath: path,
        attributeType: type,
        state,
        codes: [...new Set(altered.map(({ code }) => code))],
        differences: found?.differences ?? unclear.slice(0, KEPT).map(unclearOf),
        more: found?.more ?? Math.max(0, unclear.length - KEPT),
      });
    }
    return verdict;
  }

  #runVerdicts(altered: readonly Alteration[], failures: readonly Failure[]): AttributeVerdict[] {
    const verdicts = this.#ofRun.map(
      (difference): AttributeVerdict => ({ state: difference.kind, codes: [], differences: [difference], more: 0 }),
    );
    for (const failure of failures) {
      verdicts.push({ state: 'unclear', codes: [], differences: [unclearOf(failure)], more: 0 });
    }
    const codes = [...new Set(altered.map(({ code }) => code))];
    return codes.length === 0 ? verdicts : [...verdicts, { state: 'altered', codes, differences: [], more: 0 }];
  }
}

function stateOf({ isDifferent }: Found): 'missing' | 'different' {
  return isDifferent ? 'different' : 'missing';
}

function unclearOf({ message }: Failure): TargetDifference {
  return { kind: 'different', what: 'the archive', message: `It could not be compared: ${message}` };
}
