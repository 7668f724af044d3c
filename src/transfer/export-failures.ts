// What becomes of failures that concern more than one run: which end an export, and how the others are told.

import { ExporterError, failureOf } from '../model/errors.ts';
import type { RunRef } from '../model/runs.ts';
import type { ExportOptions, ExportResult } from './export-options.ts';

/** Takes down what concerns a project as a whole. */
export function recordFailure(projectId: string, error: unknown, options: ExportOptions, result: ExportResult): void {
  result.failed++;
  options.errors?.record(projectId, '', failureOf(error));
  options.logger?.error(`${projectId}: ${error instanceof Error ? error.message : error}`);
}

/** What concerns every project. */
export function endsExport(error: unknown): boolean {
  return (
    !(error instanceof ExporterError) ||
    ['token_refused', 'disk', 'interrupted', 'offline', 'wrong_server'].includes(error.code)
  );
}

/** Ids that were asked for: those that no project has are told in the end. */
export class SoughtIds {
  readonly #thing: string;
  readonly #options: ExportOptions;
  readonly #missing: Set<string>;
  #listedAll = true;

  constructor(thing: 'run' | 'model', options: ExportOptions) {
    this.#thing = thing;
    this.#options = options;
    this.#missing = new Set(options.filter.ids);
  }

  /** Passes a project's listing on, and sees which of the ids are in it. */
  async *watch(pages: AsyncIterable<RunRef[]>): AsyncGenerator<RunRef[]> {
    try {
      for await (const page of pages) {
        for (const { runId, sysId } of page) for (const id of [runId, sysId]) this.#missing.delete(id);
        yield page;
      }
    } catch (error) {
      this.#listedAll = false;
      throw error;
    }
  }

  tellMissing(result: ExportResult): void {
    const { projects, errors, logger } = this.#options;
    const [only = '', ...others] = projects;
    const where = others.length === 0 ? only : `any of the ${projects.length} projects`;
    const reason = this.#listedAll ? 'it is not there, or archived, or filtered out' : 'not all could be listed';
    for (const runId of this.#missing) {
      const text = `No ${this.#thing} '${runId}' was found in ${where}: ${reason}.`;
      result.failed++;
      errors?.record(others.length === 0 ? only : '', runId, failureOf(new ExporterError('not_found', text)));
      logger?.error(text);
    }
  }
}
