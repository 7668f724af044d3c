// The experiments that Comet has of one project, asked for once: ours by their keys, others by name.

import type { CometClient, Experiment } from './client.ts';
import { LOADED_OTHER, PARENT_OTHER, REPLACED_OTHER } from './marks.ts';
import { isOwnKey } from './names.ts';

/** A copy of a run, with what it says of itself. */
export interface Copy {
  key: string;
  archived: boolean;
  projectName: string;
  /** The completion mark; absent for a half-loaded run. */
  loaded: string | undefined;
  /** Another one is in its place. Unless it is archived, the load that said so did not get to put it away. */
  isReplaced: boolean;
  /** It is put away: another one is in its place, or somebody did so with what was half. */
  isGivenUp: boolean;
  /** Key of the parent that it names. */
  parent: string | undefined;
}

export class ProjectExperiments {
  readonly #client: CometClient;
  readonly #experiments: readonly Experiment[];
  readonly #copies = new Map<string, Promise<Copy>>();

  private constructor(client: CometClient, experiments: readonly Experiment[]) {
    this.#client = client;
    this.#experiments = experiments;
  }

  /** @param project undefined if there is none of the name yet */
  static async read(client: CometClient, workspace: string, project: string | undefined): Promise<ProjectExperiments> {
    if (project === undefined) return new ProjectExperiments(client, []);
    const [active, archived] = await Promise.all([
      client.experiments(workspace, project, false),
      client.experiments(workspace, project, true),
    ]);
    const byKey = new Map([...active, ...archived].map((experiment) => [experiment.key, experiment]));
    return new ProjectExperiments(client, [...byKey.values()]);
  }

  /** All copies of a run, also those that were put away. @param stem as `keyStem` gives it */
  copies(stem: string): Promise<Copy[]> {
    const own = this.#experiments.filter(({ key }) => key.startsWith(stem) && isOwnKey(key));
    return Promise.all(
      own.map((experiment) => {
        let copy = this.#copies.get(experiment.key);
        if (!copy) {
          copy = readCopy(this.#client, experiment);
          this.#copies.set(experiment.key, copy);
          // The next one asks again.
          copy.catch(() => this.#copies.delete(experiment.key));
        }
        return copy;
      }),
    );
  }

  /** Key of an experiment of that name which this program didn't make. */
  foreign(name: string): string | undefined {
    return this.#experiments.find((one) => one.name === name && !one.archived && !isOwnKey(one.key))?.key;
  }
}

export async function readCopy(
  client: CometClient,
  { key, archived, projectName }: Pick<Experiment, 'key' | 'archived' | 'projectName'>,
): Promise<Copy> {
  const others = await client.others(key);
  const loaded = others.get(LOADED_OTHER);
  const isReplaced = others.has(REPLACED_OTHER);
  return {
    key,
    projectName,
    archived,
    loaded,
    isReplaced,
    isGivenUp: archived && (isReplaced || loaded === undefined),
    parent: others.get(PARENT_OTHER),
  };
}
