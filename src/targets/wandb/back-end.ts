// Where a run on its way to W&B ends up: at the server, or beside what the server holds already (see compare.ts).

import { sleep } from '../../http/limits.ts';
import type { Origin } from '../file-store.ts';
import { type RunArtifact, saveArtifact } from './artifact-save.ts';
import type { RunInput, RunPlace, WandbClient } from './client.ts';
import { type FileStream, outdatedHalf, strangeHalf } from './file-stream.ts';
import type { HistoryLine } from './history-lines.ts';
import { difference, type JsonObject, objectIn, parseExact } from './json.ts';
import { lostAxis } from './own-config.ts';
import { LOOKS, type MediaFile, type RunFiles } from './run-files.ts';

/** What a run is made of at its end. */
export interface RunEnd {
  input: RunInput;
  /** JSON */
  summary: string;
  exitCode: number;
}

/** Takes what a run consists of, after the mapping. */
export interface RunBackEnd {
  /**
   * The lines are about to come.
   * @param shown hash of the images of series that they show
   * @param isWhole nothing failed so far
   * @param config JSON of a config with a mark of the run
   * @returns the mark that the run has to have as long as it lacks something
   */
  begin(shown: string, isWhole: boolean, config: (mark: string) => string): Promise<string | undefined>;
  /** Undefined if nothing has to be waited for. */
  line(line: HistoryLine): Promise<void> | undefined;
  /** All lines were given. @throws what went wrong with one */
  flushLines(): Promise<void>;
  media(file: MediaFile, origin: Origin): Promise<void>;
  flushMedia(): Promise<void>;
  artifact(artifact: RunArtifact, origin?: Origin): Promise<void>;
  /** Puts what is told of the run as a whole. */
  describe(end: RunEnd): Promise<void>;
  /** What the server doesn't hold as it was sent, in words for people. */
  check(end: RunEnd): Promise<string[]>;
  /** The run is whole. */
  complete(end: RunEnd): Promise<void>;
}

export interface SendingOptions {
  client: WandbClient;
  place: RunPlace;
  stream: FileStream;
  files: RunFiles;
  /** What an earlier load left. @param shown its mark, if it lacked something */
  half: { storageId: string; shown: string | undefined } | undefined;
  /** The last line that the server had when this load began. */
  tail: string | undefined;
  signal: AbortSignal;
}

export class SendingBackEnd implements RunBackEnd {
  readonly #options: SendingOptions;
  #last: HistoryLine | undefined;
  #isChecked = false;

  constructor(options: SendingOptions) {
    this.#options = options;
  }

  async begin(shown: string, isWhole: boolean, config: (mark: string) => string): Promise<string | undefined> {
    const { client, place, stream, half } = this.#options;
    const isBegun = half !== undefined && stream.isBegun;
    if (isBegun && half.shown !== undefined && half.shown !== shown) {
      await client.deleteRun(half.storageId, true);
      throw outdatedHalf(place.name);
    }
    if (isWhole) return undefined;
    // Lines of a load that lacked nothing, and lines of this one: no load makes the same.
    const mark = isBegun ? (half.shown ?? 'mixed') : shown;
    if (mark !== half?.shown) await client.upsertRun(place, { config: config(mark) });
    return mark;
  }

  line(line: HistoryLine): Promise<void> | undefined {
    const { stream } = this.#options;
    const before = stream.lastThere;
    const sent = stream.add(line);
    this.#last = line;
    // The first line that is sent follows the last one that was there.
    if (!this.#isChecked && stream.lastThere === before) this.#checkTail();
    return sent;
  }

  async flushLines(): Promise<void> {
    if (!this.#isChecked) this.#checkTail();
    await this.#options.stream.flush();
  }

  media(file: MediaFile): Promise<void> {
    return this.#options.files.add(file);
  }

  flushMedia(): Promise<void> {
    return this.#options.files.flush();
  }

  artifact(artifact: RunArtifact): Promise<void> {
    const { client, place, signal } = this.#options;
    const { entity, project, name: run } = place;
    return saveArtifact(client, { ...artifact, entity, project, run }, signal);
  }

  async describe({ input, summary }: RunEnd): Promise<void> {
    const { client, place, stream } = this.#options;
    await client.upsertRun(place, input);
    await stream.summary(summary);
  }

  async check(end: RunEnd): Promise<string[]> {
    let lost: string[] = [];
    for (const pause of LOOKS) {
      await sleep(pause, this.#options.signal);
      lost = await this.#lost(end);
      if (lost.length === 0) break;
    }
    return lost;
  }

  async #lost({ input, summary }: RunEnd): Promise<string[]> {
    const { client, place, stream } = this.#options;
    const held = await client.run(place);
    if (!held) return ['W&B does not have the run any more.'];
    const lost: string[] = [];
    if (held.lines !== stream.lines) lost.push(`W&B holds ${held.lines} of ${stream.lines} lines of the history.`);
    else if (this.#last && held.tail !== undefined && lineDifference(this.#last, held.tail) !== undefined) {
      lost.push('The last line of the history is not at W&B as it was sent.');
    }
    const config = objectIn(input.config) ?? {};
    const inConfig = missingIn(config, held.config);
    if (inConfig !== undefined) lost.push(`The value '${inConfig}' of the config is not at W&B as it was sent.`);
    const axis = lostAxis(config, held.config);
    if (axis !== undefined) lost.push(`The x axis of '${axis}' is not at W&B as it was sent.`);
    const inSummary = missingIn(objectIn(summary) ?? {}, held.summary);
    if (inSummary !== undefined) lost.push(`The value '${inSummary}' of the summary is not at W&B as it was sent.`);
    return lost;
  }

  complete({ exitCode }: RunEnd): Promise<void> {
    return this.#options.stream.complete(exitCode);
  }

  /** Goes on only with a history that this load would have made. */
  #checkTail(): void {
    this.#isChecked = true;
    const { stream, tail, place } = this.#options;
    const before = stream.lastThere;
    if (before && tail !== undefined && lineDifference(before, tail) !== undefined) throw strangeHalf(place.name);
  }
}

/**
 * A key whose value isn't there as it should be. What else is there doesn't matter: the server adds things of its own,
 * also to `_wandb`.
 */
function missingIn(expected: JsonObject, found: JsonObject): string | undefined {
  return Object.keys(expected).find(
    (key) => key !== '_wandb' && (!Object.hasOwn(found, key) || difference(expected[key], found[key]) !== undefined),
  );
}

/** The first difference between a line that is sent and one that the server tells. */
export function lineDifference(line: HistoryLine, told: string): string | undefined {
  let found: unknown;
  try {
    found = parseExact(told);
  } catch {
    return 'the whole line';
  }
  return difference(lineObject(line), found);
}

/** A line as its reader has it. */
export function lineObject({ text }: HistoryLine): unknown {
  return parseExact(JSON.parse(`"${text}"`) as string);
}
