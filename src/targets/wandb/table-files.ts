// A string series as files of W&B tables: the artifact's copy with all rows, the media copy with the first ones.

import { join } from 'node:path';
import type { StringSeriesBatch } from '../../model/batches.ts';
import { words } from '../../model/int64.ts';
import type { SeriesFormat } from '../series-files.ts';
import { Spool } from '../spool.ts';
import { decimalStepText, scaledMicro } from '../steps.ts';
import { CALENDAR_MS } from '../survey.ts';
import { storable } from '../text.ts';
import { timeText } from '../values.ts';

/** Rows of the copy that pages show first, and of an artifact's table (source of W&B's SDK). */
export const MEDIA_ROWS = 10_000;
export const TABLE_ROWS = 200_000;

const COLUMNS = '["step","value","timestamp"]';
const union = (type: string) =>
  `{"wb_type":"union","params":{"allowed_types":[{"wb_type":"none"},{"wb_type":"${type}"}]}}`;
const COLUMN_TYPES = `{"wb_type":"typedDict","params":{"type_map":{"step":${union('number')},"value":${union('string')},"timestamp":${union('timestamp')}}}}`;

/** A table that is being filled. */
export interface TableFile {
  /** Counted from 1: the first 200,000 rows of the series, and so on. */
  number: number;
  rows: number;
  artifact: Spool<Rows>;
  media: Spool<Rows>;
}

/** Some rows of a batch. */
interface Rows {
  batch: StringSeriesBatch;
  from: number;
  to: number;
}

/** The tables of one series. */
export class TableFiles {
  readonly tables: TableFile[] = [];
  readonly #place: string;
  readonly #multiplier: bigint;

  /** @param place folder and beginning of the names of temporary files */
  constructor(place: string, multiplier: bigint) {
    this.#place = place;
    this.#multiplier = multiplier;
  }

  async add(batch: StringSeriesBatch): Promise<void> {
    for (let from = 0; from < batch.length; ) {
      const table = this.#open();
      const to = Math.min(batch.length, from + TABLE_ROWS - table.rows);
      const shown = Math.min(to, from + Math.max(0, MEDIA_ROWS - table.rows));
      await table.artifact.add({ batch, from, to });
      if (shown > from) await table.media.add({ batch, from, to: shown });
      table.rows += to - from;
      from = to;
    }
  }

  async finish(): Promise<void> {
    for (const { artifact, media } of this.tables) {
      await artifact.finish();
      await media.finish();
    }
  }

  #open(): TableFile {
    const last = this.tables.at(-1);
    if (last && last.rows < TABLE_ROWS) return last;
    const number = this.tables.length + 1;
    const table: TableFile = {
      number,
      rows: 0,
      artifact: new Spool(
        `${this.#place}-${number}.table.json`,
        artifactFormat(this.#multiplier, () => table.rows),
      ),
      media: new Spool(`${this.#place}-${number}.media.json`, mediaFormat(this.#multiplier)),
    };
    this.tables.push(table);
    return table;
  }
}

/** As W&B's SDK writes it: times in milliseconds. */
function artifactFormat(multiplier: bigint, rows: () => number): SeriesFormat<Rows> {
  return {
    name: 'table.json',
    head: `{"_type":"table","column_types":${COLUMN_TYPES},"columns":${COLUMNS},"data":[`,
    between: ',',
    get tail() {
      return `],"log_mode":"IMMUTABLE","ncols":3,"nrows":${rows()}}`;
    },
    entries: (part) => rowsOf(part, multiplier, String),
  };
}

/** As W&B's SDK writes it: times as text. */
function mediaFormat(multiplier: bigint): SeriesFormat<Rows> {
  return {
    name: 'media.json',
    head: `{"columns":${COLUMNS},"data":[`,
    between: ',',
    tail: ']}',
    entries: (part) => rowsOf(part, multiplier, isoJson),
  };
}

/** @param ms of a time that calendars have */
function isoJson(ms: bigint): string {
  return `"${timeText(ms, 'T')!.replace('+00:00', 'Z')}"`;
}

function* rowsOf({ batch, from, to }: Rows, multiplier: bigint, time: (ms: bigint) => string): Generator<string> {
  const view = words(batch.steps);
  for (let i = from; i < to; i++) {
    const step = batch.stepValid?.[i] === 0 ? 'null' : decimalStepText(scaledMicro(batch.steps, view, i, multiplier));
    const value = batch.values[i] ?? null;
    // Readers in Python take no table with a time that they can't hold.
    const at = batch.timestampValid?.[i] === 0 ? undefined : batch.timestamps[i]!;
    const ms = at === undefined || at < CALENDAR_MS.first || at > CALENDAR_MS.last ? 'null' : time(at);
    yield `[${step},${value === null ? 'null' : JSON.stringify(storable(value))},${ms}]`;
  }
}

/** Where the temporary files of a series are. */
export function tablePlace(folder: string, number: number): string {
  return join(folder, `table-${number}`);
}
