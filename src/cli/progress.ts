// Shows a transfer's progress: a live block on a terminal, a sober line now and then elsewhere.

import type { Progress, RunOutcome } from '../transfer/progress.ts';
import { count, duration, plural, size } from './format.ts';
import type { Terminal } from './terminal.ts';

const REDRAW_MS = 100;
const LINE_EVERY_MS = 30_000;
/** The rate is that of the last seconds, not of the whole: it should tell what happens now. */
const RATE_WINDOW_MS = 10_000;
const BAR_COLUMNS = 24;

export interface ProgressOptions {
  terminal: Terminal;
  /** `Exporting`, `Loading`: begins the sober lines. */
  verb: string;
  /** What is counted: `runs` unless told otherwise. */
  things?: string;
  /** Draw; otherwise lines. */
  live: boolean;
  /** How many projects there will be, where it is known. */
  projects?: number;
  /** Milliseconds of a clock that never goes back. */
  clock?: () => number;
}

interface Counts {
  points: number;
  bytes: number;
}

/** Everything that progress is told, added up. Pure: no clock of its own, no terminal. */
export class ProgressState {
  current = '';
  points = 0;
  bytes = 0;
  /** Ids of runs on their way. */
  readonly active = new Set<string>();
  readonly outcomes: Record<RunOutcome, number> = { done: 0, skipped: 0, partial: 0, failed: 0 };
  /** What this is, if it only prepares the work. */
  readonly preparing: string | undefined;
  readonly #started: number;
  readonly #runs = new Map<string, number | undefined>();
  #samples: (Counts & { at: number })[];

  constructor(now: number, preparing?: string) {
    this.preparing = preparing;
    this.#started = now;
    this.#samples = [{ at: now, points: 0, bytes: 0 }];
  }

  project(id: string, runs: number | undefined): void {
    this.current = id;
    this.#runs.set(id, runs ?? this.#runs.get(id));
  }

  /** Projects begun so far. */
  get projects(): number {
    return this.#runs.size;
  }

  /** Runs of all projects begun so far, or undefined while one of them is not known. */
  get total(): number | undefined {
    let sum = 0;
    for (const runs of this.#runs.values()) {
      if (runs === undefined) return undefined;
      sum += runs;
    }
    return sum;
  }

  get finished(): number {
    const { done, skipped, partial, failed } = this.outcomes;
    return done + skipped + partial + failed;
  }

  elapsed(now: number): number {
    return now - this.#started;
  }

  /** Points and bytes a second over the last seconds. */
  rate(now: number): Counts {
    const samples = this.#samples;
    const last = samples.at(-1)!;
    if (now - last.at >= 500) samples.push({ at: now, points: this.points, bytes: this.bytes });
    while (samples.length > 2 && now - samples[1]!.at >= RATE_WINDOW_MS) samples.shift();
    const first = samples[0]!;
    const seconds = Math.max(0.001, (now - first.at) / 1000);
    return { points: (this.points - first.points) / seconds, bytes: (this.bytes - first.bytes) / seconds };
  }

  /**
   * Milliseconds left, from the pace of the runs that really moved (skipped ones cost nothing; one on its way counts
   * half), or undefined as long as there is nothing to go by.
   */
  left(now: number): number | undefined {
    const moved = this.finished - this.outcomes.skipped;
    const { total } = this;
    if (total === undefined || moved === 0 || this.finished > total) return undefined;
    const half = Math.min(this.active.size, total - this.finished) / 2;
    return (this.elapsed(now) / (moved + half)) * (total - this.finished - half);
  }
}

function runsText(state: ProgressState, things: string): string {
  const total = state.total === undefined ? '' : `/${count(state.total)}`;
  const { skipped, partial, failed } = state.outcomes;
  const details = [
    skipped > 0 ? `${count(skipped)} skipped` : '',
    partial > 0 ? `${count(partial)} partial` : '',
    failed > 0 ? `${count(failed)} failed` : '',
  ].filter((text) => text !== '');
  return `${count(state.finished)}${total} ${things}${details.length > 0 ? ` (${details.join(', ')})` : ''}`;
}

function flowText(state: ProgressState, now: number): string[] {
  const rate = state.rate(now);
  const left = state.left(now);
  // Work that only moves bytes has no points to tell of.
  const hasPoints = state.points > 0 || state.bytes === 0;
  return [
    ...(hasPoints ? [plural(state.points, 'point')] : []),
    ...(state.bytes > 0 ? [size(state.bytes)] : []),
    ...(hasPoints ? [`${count(rate.points)} points/s`] : []),
    ...(rate.bytes > 0 ? [`${size(rate.bytes)}/s`] : []),
    duration(state.elapsed(now)),
    ...(left === undefined ? [] : [`about ${duration(left)} left`]),
  ];
}

function bar(share: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * BAR_COLUMNS);
  return '█'.repeat(filled) + '░'.repeat(BAR_COLUMNS - filled);
}

/** The live block's lines at a moment. */
export function liveLines(state: ProgressState, now: number, projects: number | undefined, things = 'runs'): string[] {
  if (state.projects === 0) return [`connecting · ${duration(state.elapsed(now))}`];
  const { total } = state;
  const of = projects !== undefined && projects > 1 ? ` (project ${state.projects} of ${projects})` : '';
  const share = total === undefined || total === 0 ? '' : `${bar(state.finished / total)} `;
  const stage = state.preparing === undefined ? '' : `${state.preparing} `;
  return [`${stage}${state.current}${of}`, `${share}${runsText(state, things)}`, flowText(state, now).join(' · ')];
}

/**
 * Runs a task with progress shown: on a terminal as a live block, of which nothing is left in the end, elsewhere as
 * lines. A task that fails is told how far it came.
 */
export async function withProgress<T>(options: ProgressOptions, task: (progress: Progress) => Promise<T>): Promise<T> {
  const progress = createProgress(options);
  try {
    return await task(progress);
  } catch (error) {
    progress.done();
    const state = progress.state();
    if (state !== undefined) options.terminal.line(`Ended early: ${state}.`);
    throw error;
  } finally {
    progress.done();
  }
}

/** Progress for a task of its own; `state` is how far it is, in words, if anything was done. */
export function createProgress({
  terminal,
  verb: firstVerb,
  things = 'runs',
  live,
  projects,
  clock = performance.now.bind(performance),
}: ProgressOptions): Progress & { state(): string | undefined } {
  let state = new ProgressState(clock());
  let verb = firstVerb;
  const redraw = () => terminal.draw(liveLines(state, clock(), projects, things));
  const sayLine = () =>
    terminal.line(`${verb} ${state.current}: ${[runsText(state, things), ...flowText(state, clock())].join(', ')}`);
  const timer = setInterval(live ? redraw : sayLine, live ? REDRAW_MS : LINE_EVERY_MS);
  timer.unref();
  let announced: string | undefined;
  /** One line a project, once its number of runs is known: with its first run. */
  const announce = () => {
    if (live || state.preparing !== undefined || announced === state.current) return;
    announced = state.current;
    terminal.line(`${verb} ${state.current}: ${runsText(state, things)}`);
  };

  return {
    stage(name, preparing) {
      verb = name;
      state = new ProgressState(clock(), preparing ? name : undefined);
      announced = undefined;
    },
    project: (id, runs) => state.project(id, runs),
    runStarted(id) {
      announce();
      state.active.add(id);
    },
    runFinished(id, outcome) {
      announce();
      state.active.delete(id);
      state.outcomes[outcome] += 1;
    },
    points(n) {
      state.points += n;
    },
    bytes(n) {
      state.bytes += n;
    },
    message(text) {
      terminal.line(text);
    },
    state() {
      if (state.finished + state.points === 0 || state.preparing !== undefined) return undefined;
      const left = (state.total ?? 0) - state.finished;
      const rest = left > 0 ? `; ${count(left)} left` : '';
      return `${runsText(state, things)}, ${plural(state.points, 'point')}${rest}`;
    },
    done() {
      clearInterval(timer);
      if (live) terminal.draw([]);
    },
  };
}
