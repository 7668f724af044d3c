// The runs that W&B already has in one project: ours by their ids, others by name.

import type { ListedRun, WandbClient } from './client.ts';
import { type IdParts, readId } from './names.ts';

export interface OwnRun extends ListedRun {
  parts: IdParts & { generation: number };
}

/** A run that was ended, by us only when it was whole. */
export function isFinished({ state }: { state: string }): boolean {
  return state === 'finished' || state === 'failed';
}

export class ProjectRuns {
  readonly #own = new Map<string, OwnRun[]>();
  readonly #foreign = new Map<string, string>();

  static async read(client: WandbClient, entity: string, project: string): Promise<ProjectRuns> {
    const result = new ProjectRuns();
    for await (const run of client.runs(entity, project)) {
      const parts = readId(run.name);
      if (!parts) {
        result.#foreign.set(run.displayName, run.name);
        continue;
      }
      const runs = result.#own.get(parts.key) ?? [];
      result.#own.set(parts.key, runs);
      runs.push({ ...run, parts });
    }
    return result;
  }

  /** All copies of a run: more than one while another is on its way to replace the first. */
  own(key: string): readonly OwnRun[] {
    return this.#own.get(key) ?? [];
  }

  /** Id of a run of that name which this program didn't make. */
  foreign(displayName: string): string | undefined {
    return this.#foreign.get(displayName);
  }
}
