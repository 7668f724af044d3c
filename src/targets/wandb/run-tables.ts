// The string series of a run on their way: tables on disk, then an artifact and a media file each.

import { rm } from 'node:fs/promises';
import { forEachLimited, throwIfAborted } from '../../http/limits.ts';
import type { StringSeriesBatch } from '../../model/batches.ts';
import { onDisk } from '../../model/disk-error.ts';
import { type Failure, failureOf } from '../../model/errors.ts';
import { isOfOneFile } from '../archive-files.ts';
import type { Origin } from '../file-store.ts';
import { RefusedEntries } from './artifact-save.ts';
import type { RunBackEnd } from './back-end.ts';
import { fileDigests } from './file-digests.ts';
import { mediaPath, tableJson } from './media.ts';
import { clientId, tableArtifactName } from './names.ts';
import type { OwnFiles } from './own-files.ts';
import { hasLongSteps } from './plan.ts';
import type { MediaFile } from './run-files.ts';
import type { NamedAttribute, RunAttributes } from './run-keys.ts';
import { type TableFile, TableFiles, tablePlace } from './table-files.ts';
import { writeTexts } from './whole-series.ts';

/** Tables that are saved at once; each takes half a dozen requests. */
const TABLES_AT_ONCE = 4;

export interface RunTablesOptions {
  /** Id of the run. */
  id: string;
  backEnd: RunBackEnd;
  attributes: RunAttributes;
  multiplier: bigint;
  own: OwnFiles;
  failures: Failure[];
  /** For temporary files. */
  folder: string;
  signal: AbortSignal;
}

/** A table that was sent: its value in the history, and the media file that belongs to it. */
interface SentTable {
  json: string;
  file: MediaFile;
}

export class RunTables {
  readonly #options: RunTablesOptions;
  /** By name in the survey. */
  readonly #tables = new Map<string, TableFiles>();

  constructor(options: RunTablesOptions) {
    this.#options = options;
  }

  async add(batch: StringSeriesBatch, { entry, name }: NamedAttribute): Promise<void> {
    const { folder, multiplier, own } = this.#options;
    let tables = this.#tables.get(name);
    if (!tables) {
      tables = new TableFiles(tablePlace(folder, this.#tables.size), multiplier);
      this.#tables.set(name, tables);
    }
    await tables.add(batch);
    if (hasLongSteps(entry, multiplier) || entry.unstorableTexts > 0 || entry.farTimestamps > 0)
      await writeTexts(own.gzip('texts.jsonl.gz'), batch);
  }

  /** Sends all tables. @returns their values for the closing line, by key */
  async send(): Promise<{ key: string; json: string }[]> {
    const { backEnd, attributes, failures, signal } = this.#options;
    const all: { key: string; table: TableFile; origin: Origin; sent?: SentTable }[] = [];
    for (const [name, tables] of this.#tables) {
      const { path, type } = attributes.survey.get(name)!;
      await tables.finish();
      for (const table of tables.tables) {
        all.push({ key: this.#key(name, table.number), table, origin: { path, type } });
      }
    }
    await forEachLimited(all, TABLES_AT_ONCE, async (one) => {
      throwIfAborted(signal);
      try {
        one.sent = await this.#send(one.key, one.table, one.origin);
      } catch (error) {
        const cause = error instanceof RefusedEntries ? [...error.refused.values()][0] : error;
        if (!isOfOneFile(cause)) throw error;
        failures.push(failureOf(cause, one.origin));
      }
    });
    const values: { key: string; json: string }[] = [];
    // In their order, whichever was there first.
    for (const { key, sent, origin } of all) {
      if (!sent) continue;
      values.push({ key, json: sent.json });
      await backEnd.media(sent.file, origin);
    }
    return values;
  }

  /** Saves the artifact of a table. */
  async #send(key: string, table: TableFile, origin: Origin): Promise<SentTable> {
    const { id, backEnd, signal } = this.#options;
    const artifact = await fileDigests(table.artifact.file, signal);
    const { bytes, md5, sha256 } = await fileDigests(table.media.file, signal);
    const ids = { clientId: clientId(id, key, artifact.sha256), sequenceId: clientId(id, key) };
    const entries = new Map([[`${key}.table.json`, { file: table.artifact.file, ...artifact }]]);
    await backEnd.artifact({ type: 'run_table', name: tableArtifactName(id, key), entries, ...ids }, origin);
    await onDisk(() => rm(table.artifact.file));
    const path = mediaPath('table', key, 0, sha256, 'table.json');
    const json = tableJson({ key, path, sha256, bytes, rows: table.rows, ...ids });
    return { json, file: { path, file: table.media.file, bytes, md5 } };
  }

  /** The first table has the attribute's key, further ones a number that no other key has. */
  #key(name: string, number: number): string {
    const { keys } = this.#options.attributes;
    const first = keys.keys.get(name)!;
    if (number === 1) return first;
    let key = `${first}_${number}`;
    while (keys.history.has(key)) key = `${key}_`;
    return key;
  }
}
