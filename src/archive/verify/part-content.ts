// Reads a part to its end, value by value, and tells what it holds and what looks broken in it.

import { isUtf8 } from 'node:buffer';
import { type AttributeType, FILE_TYPES, isAttributeType, SCALAR_TYPES, SERIES_TYPES } from '../../model/attributes.ts';
import { words } from '../../model/int64.ts';
import { groupRows, type RowSet, rowAt, setSize } from '../grouping.ts';
import { BOOLEAN, DOUBLE, INT64, Interner, type Kind, type ListPortion } from '../parquet/column-reader.ts';
import { TextDecoder } from '../parquet/decode.ts';
import type { ParquetFile, RowGroupReader } from '../parquet/file-reader.ts';
import { DamagedFile, type RowGroupInfo } from '../parquet/footer.ts';
import { LEAVES, type LeafName } from '../parquet/schema.ts';
import { windowRows } from '../window-rows.ts';
import { footerContradictions, GroupAccount, groupContradictions, isArrow } from './arrow-account.ts';
import type { TaskContext } from './regular-file.ts';
import { isBelow, Observed } from './statistics.ts';
import type { Finding, ProblemCode } from './types.ts';

/** More types than that have no name that matters. */
const MAX_TYPES = 1000;
/** Findings of one part that are told one by one. */
const MAX_FINDINGS = 1000;

/** What a part says of one attribute. Plain data: it comes from another thread. */
export interface AttributeFacts {
  path: string;
  type: string;
  rows: number;
  /** Rows that hold nothing. Where a float series has NaN, official archives have nothing. */
  empty: number;
  /** First and last step in micro-steps; of series that are in order by their steps. */
  firstStep?: bigint;
  lastStep?: bigint;
}

/** A row that names a file. */
export interface FileFact {
  /** Index into the part's attributes. */
  attribute: number;
  /** Micro-steps, of a file series. */
  step?: bigint;
  file: string;
}

/** What a part holds. */
export interface PartContent {
  attributes: AttributeFacts[];
  files: FileFact[];
  /** Ids that its rows have; more than one of a kind is damage. */
  projectIds: string[];
  runIds: string[];
  /** Values of `sys/id`, `sys/custom_run_id` and `sys/modification_time`, where they are there. */
  sys: Record<string, string | bigint>;
  /** Single values below `sys/`. */
  sysValues: number;
}

/** Columns of values. `step` and `timestamp` belong to all series. */
type ValueColumn =
  | 'int_value'
  | 'float_value'
  | 'string_value'
  | 'bool_value'
  | 'datetime_value'
  | 'string_set_value'
  | 'file_value'
  | 'histogram_value';

const COLUMN_OF: Readonly<Record<AttributeType, ValueColumn>> = {
  float: 'float_value',
  int: 'int_value',
  string: 'string_value',
  bool: 'bool_value',
  datetime: 'datetime_value',
  string_set: 'string_set_value',
  float_series: 'float_value',
  string_series: 'string_value',
  histogram_series: 'histogram_value',
  file_series: 'file_value',
  file: 'file_value',
  file_set: 'file_value',
  artifact: 'file_value',
};
const KEPT_SYS: readonly string[] = ['sys/id', 'sys/custom_run_id', 'sys/modification_time'];
const SERIES: ReadonlySet<string> = new Set(SERIES_TYPES);
const SINGLE: ReadonlySet<string> = new Set([...SCALAR_TYPES, ...FILE_TYPES]);

/** Text that must be UTF-8. */
const STRICT_TEXT: Kind<(string | null)[]> = {
  array: (length) => new Array<string | null>(length).fill(null),
  plain: (bytes) => new TextDecoder<string | null>(bytes, strictText),
};

class StrictInterner extends Interner {
  override plain(bytes: Uint8Array) {
    return new TextDecoder<number>(bytes, (text, utf8) => this.number(strictText(text, utf8)));
  }
}

/** What isn't UTF-8 comes with replacement characters in it, which a text may hold as well. */
function strictText(text: string, utf8: () => Uint8Array): string {
  if (text.includes('\ufffd') && !isUtf8(utf8())) throw new DamagedFile('it has a text that is not UTF-8');
  return text;
}

/**
 * Reads all values of a part.
 * @param found told of what looks broken but doesn't keep the rest from being read
 * @throws DamagedFile where nothing further can be read
 */
export async function readContent(
  file: ParquetFile,
  context: TaskContext,
  found: (finding: Finding) => void,
): Promise<PartContent> {
  const reader = new ContentReader(context, found);
  const { footer } = file;
  const arrow = isArrow(footer);
  const tell = (messages: readonly string[]) => {
    for (const message of messages) found({ code: 'part_statistics', message });
  };
  if (arrow) tell(footerContradictions(footer));
  for (const [index, info] of footer.rowGroups.entries()) {
    const account = new GroupAccount();
    const observed = await reader.rowGroup(file.rowGroup(info, account), info);
    if (arrow && info.rows > 0) tell(groupContradictions(footer, index, info, account, observed));
  }
  return reader.content();
}

/** Entries of a column in a window: is there a value? Undefined if none is there. */
type Presence = ((row: number) => boolean) | undefined;

class ContentReader {
  readonly #context: TaskContext;
  readonly #found: (finding: Finding) => void;
  readonly #paths = new StrictInterner();
  readonly #types = new StrictInterner();
  readonly #projectIds = new StrictInterner();
  readonly #runIds = new StrictInterner();
  /** By number of path and type. */
  readonly #attributes = new Map<number, { facts: AttributeFacts; index: number }>();
  readonly #facts: AttributeFacts[] = [];
  readonly #files: FileFact[] = [];
  readonly #sys: Record<string, string | bigint> = {};
  #sysValues = 0;
  readonly #told = new Set<string>();

  constructor(context: TaskContext, found: (finding: Finding) => void) {
    this.#context = context;
    this.#found = found;
  }

  content(): PartContent {
    return {
      attributes: this.#facts,
      files: this.#files,
      projectIds: this.#projectIds.texts,
      runIds: this.#runIds.texts,
      sys: this.#sys,
      sysValues: this.#sysValues,
    };
  }

  /** Reads a row group. @returns what was read of each column */
  async rowGroup(group: RowGroupReader, info: RowGroupInfo): Promise<ReadonlyMap<LeafName, Observed>> {
    const observed: ReadonlyMap<LeafName, Observed> = new Map(LEAVES.map((leaf) => [leaf, new Observed()]));
    const rows = windowRows(info);
    for (let start = 0; start < info.rows; start += rows) {
      this.#context.check();
      await this.#window(group, start, Math.min(start + rows, info.rows), observed);
    }
    if (info.rows === 0) return observed;
    await group.end();
    for (const [leaf, values] of observed) {
      const contradiction = values.contradiction(info.chunks[leaf]);
      if (contradiction !== undefined) this.#tell('part_statistics', contradiction);
    }
    return observed;
  }

  async #window(
    group: RowGroupReader,
    start: number,
    end: number,
    observed: ReadonlyMap<LeafName, Observed>,
  ): Promise<void> {
    const length = end - start;
    const names = async (leaf: LeafName, interner: Interner) => {
      const { values, valid } = await group.read(leaf, interner, start, end);
      if (valid) throw new DamagedFile(`it has a row without ${leaf.replace('_', ' ')}`);
      const seen = observed.get(leaf)!;
      seen.values += length;
      const rows = new Map<number, number>();
      for (const number of values) rows.set(number, (rows.get(number) ?? 0) + 1);
      for (const [number, count] of rows) {
        const text = interner.texts[number]!;
        seen.text(text);
        seen.textBytes += Buffer.byteLength(text) * count;
      }
      return values;
    };
    await names('project_id', this.#projectIds);
    await names('run_id', this.#runIds);
    const paths = await names('attribute_path', this.#paths);
    const types = await names('attribute_type', this.#types);
    if (this.#types.texts.length > MAX_TYPES) throw new DamagedFile('it has attribute types without end');

    const int64s = async (leaf: LeafName) => {
      const { values, valid } = await group.read(leaf, INT64, start, end);
      const seen = observed.get(leaf)!;
      const count = seen.int64s(values, valid);
      seen.values += count;
      const has: Presence = count === 0 ? undefined : (row) => valid?.[row] !== 0;
      return { values, has };
    };
    const numbers = async <Out extends Float64Array | Uint8Array>(leaf: LeafName, kind: Kind<Out>) => {
      const { values, valid } = await group.read(leaf, kind, start, end);
      const seen = observed.get(leaf)!;
      let count = 0;
      for (let row = 0; row < length; row++) {
        if (valid?.[row] === 0) continue;
        count++;
        seen.number(values[row]!);
      }
      seen.values += count;
      const has: Presence = count === 0 ? undefined : (row) => valid?.[row] !== 0;
      return { values, has };
    };
    const texts = async (leaf: LeafName) => {
      const { values } = await group.read(leaf, STRICT_TEXT, start, end);
      const seen = observed.get(leaf)!;
      let count = 0;
      for (const value of values) {
        if (value === null) continue;
        count++;
        seen.text(value);
        seen.textBytes += Buffer.byteLength(value);
      }
      seen.values += count;
      const has: Presence = count === 0 ? undefined : (row) => values[row] !== null;
      return { values, has };
    };
    const lists = async <Out extends Float64Array | (string | null)[]>(leaf: LeafName, kind: Kind<Out>) => {
      const portion: ListPortion<Out> = await group.readLists(leaf, kind, start, end);
      const seen = observed.get(leaf)!;
      const { values, levels, nulls } = portion;
      for (const value of values) {
        if (typeof value === 'number') seen.number(value);
        else if (value !== null) {
          seen.text(value);
          seen.textBytes += Buffer.byteLength(value);
        }
      }
      seen.values += values.length - (nulls?.reduce((sum, count) => sum + count, 0) ?? 0);
      const has: Presence = levels.every((level) => level === 0) ? undefined : (row) => levels[row]! > 0;
      return has;
    };

    const step = await int64s('step');
    const timestamp = await int64s('timestamp');
    const int = await int64s('int_value');
    const float = await numbers('float_value', DOUBLE);
    const string = await texts('string_value');
    const bool = await numbers('bool_value', BOOLEAN);
    const datetime = await int64s('datetime_value');
    const stringSet = await lists('string_set_value.list.element', STRICT_TEXT);
    const file = await texts('file_value.path');
    const histogramType = await texts('histogram_value.type');
    const edges = await lists('histogram_value.edges.list.element', DOUBLE);
    const heights = await lists('histogram_value.values.list.element', DOUBLE);
    const histogram: Presence =
      (histogramType.has ?? edges ?? heights) === undefined
        ? undefined
        : (row) => (histogramType.has?.(row) || edges?.(row) || heights?.(row)) === true;
    const values: Record<ValueColumn, Presence> = {
      int_value: int.has,
      float_value: float.has,
      string_value: string.has,
      bool_value: bool.has,
      datetime_value: datetime.has,
      string_set_value: stringSet,
      file_value: file.has,
      histogram_value: histogram,
    };

    const typeCount = this.#types.texts.length;
    const sets = groupRows(paths.map((path, row) => path * typeCount + types[row]!));
    for (const set of sets) {
      const facts = this.#attribute(paths[set.start]!, types[set.start]!);
      const { path, type } = facts.facts;
      const size = setSize(set);
      facts.facts.rows += size;
      if (!isAttributeType(type)) {
        this.#tell('unknown_type', `an attribute has the type ${type}, which archives don't have`, path);
        continue;
      }
      const column = COLUMN_OF[type];
      for (const [name, has] of Object.entries(values)) {
        if (has && name !== column && someRow(set, has)) {
          this.#tell('value_in_wrong_column', `an attribute of type ${type} has a value in ${name}`, path);
        }
      }
      const has = values[column];
      const present = has ? countRows(set, has) : 0;
      facts.facts.empty += size - present;
      if (SINGLE.has(type)) {
        for (const [name, column] of Object.entries({ step, timestamp })) {
          if (column.has && someRow(set, column.has)) {
            this.#tell('value_in_wrong_column', `an attribute of type ${type} has a ${name}`, path);
          }
        }
        if (facts.facts.rows > 1) {
          this.#tell('repeated_attribute', `there are several rows of the ${type}, which has one value`, path);
        }
      } else this.#points(set, facts.facts, step);
      if (column === 'file_value' && present > 0) {
        for (let index = 0; index < size; index++) {
          const row = rowAt(set, index);
          const name = file.values[row];
          if (typeof name !== 'string') continue;
          const at = SERIES.has(type) && step.has?.(row) ? { step: step.values[row]! } : {};
          this.#files.push({ attribute: facts.index, file: name, ...at });
        }
      }
      if (path.startsWith('sys/') && SINGLE.has(type) && present > 0) {
        this.#sysValues++;
        const row = set.start;
        if (!KEPT_SYS.includes(path)) continue;
        if (type === 'string' && string.has?.(row)) this.#sys[path] = string.values[row]!;
        if (type === 'datetime' && datetime.has?.(row)) this.#sys[path] = datetime.values[row]!;
      }
    }
  }

  /** Points must have steps, and all but those of file series rise (their order is that of a folder's listing). */
  #points(set: RowSet, facts: AttributeFacts, step: { values: BigInt64Array; has: Presence }): void {
    const { path, type } = facts;
    const { values } = step;
    const view = words(values);
    const inOrder = type !== 'file_series';
    let last = -1;
    for (let index = 0; index < setSize(set); index++) {
      const row = rowAt(set, index);
      if (!step.has?.(row)) {
        this.#tell('step_missing', `a point of the ${type} has no step`, path);
        continue;
      }
      if (!inOrder) continue;
      const rises =
        last >= 0 ? isBelow(view, values, last, row) : facts.lastStep === undefined || values[row]! > facts.lastStep;
      if (rises) {
        if (last < 0) facts.firstStep ??= values[row]!;
        last = row;
      } else this.#tell('steps_out_of_order', `steps of the ${type} repeat or go back`, path);
    }
    if (last >= 0) facts.lastStep = values[last]!;
  }

  #attribute(path: number, type: number): { facts: AttributeFacts; index: number } {
    const key = path * MAX_TYPES + type;
    let attribute = this.#attributes.get(key);
    if (!attribute) {
      const facts: AttributeFacts = {
        path: this.#paths.texts[path]!,
        type: this.#types.texts[type]!,
        rows: 0,
        empty: 0,
      };
      attribute = { facts, index: this.#facts.push(facts) - 1 };
      this.#attributes.set(key, attribute);
    }
    return attribute;
  }

  #tell(code: ProblemCode, message: string, attributePath?: string): void {
    const key = `${code}\0${attributePath ?? message}`;
    if (this.#told.has(key) || this.#told.size === MAX_FINDINGS) return;
    this.#told.add(key);
    this.#found({ code, message, ...(attributePath === undefined ? {} : { attributePath }) });
  }
}

function someRow(set: RowSet, has: (row: number) => boolean): boolean {
  for (let index = 0; index < setSize(set); index++) if (has(rowAt(set, index))) return true;
  return false;
}

function countRows(set: RowSet, has: (row: number) => boolean): number {
  let count = 0;
  for (let index = 0; index < setSize(set); index++) if (has(rowAt(set, index))) count++;
  return count;
}
