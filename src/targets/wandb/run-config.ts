// The single values of a run on their way into its config; what has no room there is kept in the run's artifact.

import type { ScalarRow } from '../../model/batches.ts';
import type { AlterationList } from '../alterations.ts';
import { codePoints, isStorable, shortHash } from '../text.ts';
import { timeText } from '../values.ts';
import { type ConfigPlan, configJson, shortenedJson } from './config.ts';
import { OWN } from './names.ts';
import type { OwnFiles } from './own-files.ts';
import * as plan from './plan.ts';
import type { NamedAttribute } from './run-keys.ts';

/** Of the values that the config doesn't hold whole. */
const VALUES_FILE = 'values.jsonl.gz';

export class RunConfig {
  readonly #plan: ConfigPlan;
  readonly #files: OwnFiles;
  readonly #alterations: AlterationList;
  readonly #values = new Map<string, string>();
  /** Hashes of the first values, by key. */
  readonly #given = new Map<string, string>();

  constructor(configPlan: ConfigPlan, files: OwnFiles, alterations: AlterationList) {
    this.#plan = configPlan;
    this.#files = files;
    this.#alterations = alterations;
  }

  /** Members of the config's JSON object. */
  *members(): Generator<string> {
    for (const [key, json] of this.#values) yield `${JSON.stringify(key)}:{"value":${json}}`;
  }

  async add(row: ScalarRow, { key, name }: NamedAttribute): Promise<void> {
    this.#noteForm(row);
    const json = configJson(row);
    if (json === undefined) return;
    const text = rawText(row);
    const given = shortHash(row.type === 'string' || row.type === 'string_set' ? JSON.stringify(row.value) : json, 16);
    const before = this.#given.get(key);
    if (before === given) return;
    if (before !== undefined) {
      await this.#keep(row, json);
      const message = `The archive has several values: the config holds the first, others are in ${VALUES_FILE}.`;
      this.#alterations.add('repeated_value', row.path, message);
      return;
    }
    this.#given.set(key, given);
    if (this.#plan.leftOut.has(name)) {
      await this.#keep(row, json);
      plan.noteLeftOut(this.#alterations, row.path);
      return;
    }
    this.#values.set(key, await this.#fitting(row, json, text));
  }

  /** The JSON, or that of the value's beginning. */
  async #fitting(row: ScalarRow, json: string, text: string | undefined): Promise<string> {
    if (text === undefined) return json;
    const { textLimit } = this.#plan;
    const length = codePoints(text);
    if (length > textLimit) {
      await this.#keep(row, json);
      plan.noteLong(this.#alterations, row.path, length, textLimit);
      return shortenedJson(
        text,
        textLimit,
        `… [${length} characters, whole in ${OWN}/${VALUES_FILE} of the run's artifact]`,
      );
    }
    if (!isStorable(text)) {
      await this.#keep(row, json);
      plan.noteOddText(this.#alterations, row.path);
    }
    return json;
  }

  #noteForm(row: ScalarRow): void {
    if (row.value === null) {
      const [code, what] = row.type === 'float' ? ['null_as_nan', 'NaN'] : ['null_value', 'left out'];
      this.#alterations.add(code!, row.path, `Without a value: ${what}.`);
    }
    if (row.type === 'float' && !Number.isFinite(row.value ?? Number.NaN)) {
      plan.noteText(this.#alterations, row.path, 1);
    }
    if (row.type === 'datetime' && row.value !== null && timeText(row.value, ' ') === undefined) {
      plan.noteOddTime(this.#alterations, row.path, 1);
    }
  }

  /** Keeps a value in the run's artifact: a JSON object a line. */
  async #keep(row: ScalarRow, json: string): Promise<void> {
    const isText = row.type === 'string' || row.type === 'string_set';
    // What UTF-8 and W&B can't hold has escapes in JSON.
    const value = isText ? JSON.stringify(row.value) : json;
    const head = `{"attribute": ${JSON.stringify(row.path)}, "type": "${row.type}", "value": `;
    await this.#files.gzip(VALUES_FILE).write(`${head}${value}}\n`);
  }
}

/** The text of a value that may be too long or odd. */
function rawText(row: ScalarRow): string | undefined {
  if (row.type === 'string') return row.value ?? undefined;
  return row.type === 'string_set' ? row.value?.join() : undefined;
}
