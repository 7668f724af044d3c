// Collects what is found, run by run.

import type { Note, Problem, VerifyResult } from './types.ts';

const NOTE_TEXTS: Record<Note['code'], (count: number) => string> = {
  unverified: (count) =>
    `${runs(count)} without a manifest: all readable, but nobody recorded what has to be there (--adopt records it)`,
  adopted: (count) =>
    `${runs(count)} of the official exporter, recorded by --adopt: nobody knows what was selected when they were exported`,
  accepted: (count) => `${runs(count)} partial and accepted as they are`,
  pending: (count) => `${runs(count)} about to be put in place: an export is under way, or the next one finishes it`,
  version_1: (count) =>
    `${runs(count)} with a manifest of an early version, which can't prove itself: all of it was read instead`,
  empty_files: (count) => `${rows(count)} of files without a file: it was never there, or could not be fetched`,
  files_without_bytes: (count) => `${files(count)} without a byte, which nobody can tell from cut ones`,
  litter: (count) => `${files(count)} that the operating system left in folders`,
  not_looked_for: (count) =>
    `${projects(count)} with files that nothing accounts for, which may be of runs that can't be read`,
  source_gone: (count) => `${runs(count)} no longer at the source: the archive is all that is left`,
  source_archived: (count) => `${runs(count)} archived or in the trash at the source, and not in the archive`,
  target_extra: (count) =>
    `${count === 1 ? '1 thing' : `${count} things`} of the runs at the target that nothing in the archive accounts for`,
  target_unread: (count) => `${runs(count)} too damaged in the archive to be compared with the target's`,
  not_adopted: (count) => `${runs(count)} whole, but not adopted: a manifest can't name what they have`,
};

const runs = (count: number) => (count === 1 ? '1 run' : `${count} runs`);
const rows = (count: number) => (count === 1 ? '1 row' : `${count} rows`);
const files = (count: number) => (count === 1 ? '1 file' : `${count} files`);
const projects = (count: number) => (count === 1 ? '1 project' : `${count} projects`);

/** A note with its sentence. */
export function noteOf(code: Note['code'], count: number): Note {
  return { code, message: NOTE_TEXTS[code](count), count };
}

/** Sums up while the work goes on. */
export class Findings {
  readonly totals: Omit<VerifyResult, 'problems' | 'notes'> = {
    runs: 0,
    parts: 0,
    files: 0,
    bytes: 0,
    verified: 0,
    unverified: 0,
    adopted: 0,
    partial: 0,
  };
  readonly #problems: Problem[] = [];
  readonly #notes = new Map<Note['code'], number>();
  readonly #onProblem: (problem: Problem) => void;

  constructor(onProblem: (problem: Problem) => void = () => {}) {
    this.#onProblem = onProblem;
  }

  /** Problems so far. */
  get count(): number {
    return this.#problems.length;
  }

  problem(problem: Problem): void {
    this.#problems.push(problem);
    this.#onProblem(problem);
  }

  note(code: Note['code'], count = 1): void {
    if (count > 0) this.#notes.set(code, (this.#notes.get(code) ?? 0) + count);
  }

  result(): VerifyResult {
    const notes = [...this.#notes].map(([code, count]) => noteOf(code, count));
    const place = ({ projectId, scope, runId, path, attributePath }: Problem) =>
      [projectId, scope, runId, path, attributePath].map((text) => text ?? '').join('\0');
    // Runs are checked side by side: the order must not be one of chance.
    const sorted = this.#problems
      .map((problem) => ({ problem, key: place(problem) }))
      .sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0));
    return { ...this.totals, problems: sorted.map(({ problem }) => problem), notes };
  }
}
