// The runs that MLflow already has of one project: ours by their key, others by name.

import { storable } from '../text.ts';
import type { MlflowClient } from './client.ts';
import { experimentStem } from './names.ts';
import { LOADED_TAG, PARENT_TAG, PROJECT_TAG, RUN_KEY_TAG } from './run-tags.ts';

export interface OwnRun {
  id: string;
  experimentId: string;
  /** The completion mark; absent for a half-loaded run. */
  loaded: string | undefined;
  /** Id of the parent that it names. */
  parent: string | undefined;
}

export class ProjectRuns {
  readonly #own = new Map<string, OwnRun[]>();
  readonly #foreign = new Map<string, string>();

  /**
   * Lists the runs in all experiments whose name begins as the project's do, or that are the project's under another name
   * by now. Kept small: MLflow's answers carry the
   * params and metrics of each run, of which nothing stays.
   */
  static async read(
    client: MlflowClient,
    projectId: string,
    prefix: string | undefined,
    fileStore: boolean,
  ): Promise<ProjectRuns> {
    const result = new ProjectRuns();
    const stem = experimentStem(projectId, prefix, fileStore);
    const names = new Map<string, string>();
    for await (const { id, name, tags } of client.experiments()) {
      if (name.startsWith(stem) || tags.get(PROJECT_TAG) === storable(projectId)) names.set(id, name);
    }
    if (names.size === 0) return result;
    for await (const { id, name, experimentId, tags } of client.searchRuns([...names.keys()], '')) {
      const key = tags.get(RUN_KEY_TAG);
      if (key === undefined) {
        result.#foreign.set(nameKey(names.get(experimentId) ?? '', name), id);
        continue;
      }
      const runs = result.#own.get(key) ?? [];
      result.#own.set(key, runs);
      runs.push({ id, experimentId, loaded: tags.get(LOADED_TAG), parent: tags.get(PARENT_TAG) });
    }
    return result;
  }

  /** All copies of a run: more than one while another is on its way to replace the first. */
  own(runKey: string): readonly OwnRun[] {
    return this.#own.get(runKey) ?? [];
  }

  /** Id of a run of that name which this program didn't make. */
  foreign(experiment: string, name: string): string | undefined {
    return this.#foreign.get(nameKey(experiment, name));
  }
}

function nameKey(experiment: string, run: string): string {
  return JSON.stringify([experiment, run]);
}
