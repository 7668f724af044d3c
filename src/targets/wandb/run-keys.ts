// The attributes of a run by type and path, with the names that were chosen for them.

import type { AttributeType } from '../../model/attributes.ts';
import { type AttributeSurvey, type RunSurvey, surveyKey } from '../survey.ts';
import type { RunKeys } from './names.ts';

/** An attribute on its way. */
export interface NamedAttribute {
  entry: AttributeSurvey;
  /** Of config or history; of files that of their images. */
  key: string;
  /** In the survey. */
  name: string;
  /** In the artifact; empty for what is no file. */
  folder: string;
}

export class RunAttributes {
  readonly survey: RunSurvey;
  readonly keys: RunKeys;

  constructor(survey: RunSurvey, keys: RunKeys) {
    this.survey = survey;
    this.keys = keys;
  }

  /** @throws Error for one that the survey didn't announce */
  get(type: AttributeType, path: string): NamedAttribute {
    const name = surveyKey(type, path);
    const entry = this.survey.get(name);
    const key = this.keys.keys.get(name);
    if (entry === undefined || key === undefined) throw new Error(`The attribute ${path} (${type}) was not announced.`);
    return { entry, key, name, folder: this.keys.folders.get(name) ?? '' };
  }
}
