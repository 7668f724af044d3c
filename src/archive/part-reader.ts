// Reads one parquet part as batches, window by window, whoever wrote it.

import { type AttributeType, isAttributeType } from '../model/attributes.ts';
import type { Batch } from '../model/batches.ts';
import { ExporterError } from '../model/errors.ts';
import { groupRows } from './grouping.ts';
import { Interner } from './parquet/column-reader.ts';
import { damagedFile, ParquetFile, type RowGroupReader } from './parquet/file-reader.ts';
import { CREATED_BY, EXPORT_ID_KEY } from './parquet/file-writer.ts';
import { DamagedFile, type RowGroupInfo } from './parquet/footer.ts';
import type { PartSelection } from './types.ts';
import { Window, type WindowAttribute } from './window.ts';
import { windowRows } from './window-rows.ts';

const OURS = CREATED_BY.slice(0, CREATED_BY.indexOf(' '));

/** Names of attributes and types, shared by the parts of a run. */
export interface Names {
  paths: Interner;
  types: Interner;
}

export function newNames(): Names {
  return { paths: new Interner(), types: new Interner() };
}

/**
 * @param exportId of the run's manifest: the part must be of the same export
 * @throws ExporterError `archive` if the part can't be read
 */
export async function* readPart(
  path: string,
  names: Names,
  selection: PartSelection,
  exportId?: string,
): AsyncGenerator<Batch> {
  let file: ParquetFile | undefined;
  try {
    file = await ParquetFile.open(path);
    const written = file.footer.metadata.get(EXPORT_ID_KEY);
    if (exportId !== undefined && written !== undefined && written !== exportId) throw replaced(path);
    const ours = file.footer.createdBy.startsWith(OURS);
    for (const info of file.footer.rowGroups) {
      if (!mayHold(info, selection)) continue;
      const group = file.rowGroup(info);
      const rows = windowRows(info);
      for (let start = 0; start < info.rows; start += rows) {
        const end = Math.min(start + rows, info.rows);
        const attributes = wantedAttributes(await readKeys(group, names, start, end), names, selection);
        const { onAbsent, onNullInList } = selection;
        yield* new Window(group, start, end, { dropAbsent: !ours, onAbsent, onNullInList }).batches(attributes);
      }
    }
  } catch (error) {
    throw damagedFile(path, error);
  } finally {
    await file?.close();
  }
}

/** Parts of two exports are never read as one run. */
function replaced(path: string): ExporterError {
  return new ExporterError('archive', `The file ${path} is of another export than the run's manifest.`, {
    hint: 'If an export is replacing the run right now, start again; otherwise export the run again.',
  });
}

/** False if the statistics of a row group rule out what is asked for. */
export function mayHold(info: RowGroupInfo, { types, pathPrefix }: PartSelection): boolean {
  if (info.rows === 0) return false;
  const { attribute_type: type, attribute_path: path } = info.chunks;
  if (types && type.least && type.greatest) {
    const [least, greatest] = [type.least, type.greatest];
    const within = (name: string) =>
      Buffer.compare(Buffer.from(name), least) >= 0 && Buffer.compare(Buffer.from(name), greatest) <= 0;
    if (![...types].some(within)) return false;
  }
  if (pathPrefix !== undefined && path.least && path.greatest) {
    const prefix = Buffer.from(pathPrefix);
    const below = Buffer.compare(path.greatest, prefix) < 0;
    const above = Buffer.compare(path.least.subarray(0, prefix.length), prefix) > 0;
    if (below || above) return false;
  }
  return true;
}

/** Attribute path and type of each row of a window. */
export async function readKeys(
  group: RowGroupReader,
  names: Names,
  start: number,
  end: number,
): Promise<{ paths: Int32Array; types: Int32Array }> {
  const paths = await group.read('attribute_path', names.paths, start, end);
  const types = await group.read('attribute_type', names.types, start, end);
  if (paths.valid || types.valid) throw new DamagedFile('it has a row without attribute path or type');
  return { paths: paths.values, types: types.values };
}

/** The attribute type behind a number of `names.types`. @throws DamagedFile if there is no such type */
export function typeOf(names: Names, number: number): AttributeType {
  const text = names.types.texts[number]!;
  if (!isAttributeType(text)) throw new DamagedFile(`it has the attribute type ${text}, which archives don't have`);
  return text;
}

/** The attributes of a window that are asked for, with their rows. */
function wantedAttributes(
  keys: { paths: Int32Array; types: Int32Array },
  names: Names,
  { types, pathPrefix }: PartSelection,
): WindowAttribute[] {
  const typeCount = names.types.texts.length;
  const combined = keys.paths.map((path, row) => path * typeCount + keys.types[row]!);
  return groupRows(combined)
    .map((rows) => ({
      path: names.paths.texts[keys.paths[rows.start]!]!,
      type: typeOf(names, keys.types[rows.start]!),
      rows,
    }))
    .filter(
      ({ path, type }) => (!types || types.has(type)) && (pathPrefix === undefined || path.startsWith(pathPrefix)),
    );
}
