// The attribute types of Neptune as the archive names them, and the classes the command line selects by.

/** Types with one value a run. */
export const SCALAR_TYPES = ['float', 'int', 'string', 'bool', 'datetime', 'string_set'] as const;
/** Types with many points a run, each at a step. */
export const SERIES_TYPES = ['float_series', 'string_series', 'histogram_series', 'file_series'] as const;
/** Types whose payload lies in a file; `file_set` and `artifact` exist in Neptune 2 only. */
export const FILE_TYPES = ['file', 'file_set', 'artifact'] as const;

export type ScalarType = (typeof SCALAR_TYPES)[number];
export type SeriesType = (typeof SERIES_TYPES)[number];
export type FileType = (typeof FILE_TYPES)[number];
/** The values of the archive's column `attribute_type`. */
export type AttributeType = ScalarType | SeriesType | FileType;

export const EXPORT_CLASSES = ['parameters', 'metrics', 'series', 'files'] as const;
/** What `--classes` and `--exclude` choose from. */
export type ExportClass = (typeof EXPORT_CLASSES)[number];

const CLASS_OF: Record<AttributeType, ExportClass> = {
  float: 'parameters',
  int: 'parameters',
  string: 'parameters',
  bool: 'parameters',
  datetime: 'parameters',
  string_set: 'parameters',
  float_series: 'metrics',
  string_series: 'series',
  histogram_series: 'series',
  file: 'files',
  file_series: 'files',
  file_set: 'files',
  artifact: 'files',
};

export const ATTRIBUTE_TYPES = Object.keys(CLASS_OF) as AttributeType[];

/** The class that selects an attribute type (contract of `--classes`). */
export function classOf(type: AttributeType): ExportClass {
  return CLASS_OF[type];
}

export function isAttributeType(text: string): text is AttributeType {
  return Object.hasOwn(CLASS_OF, text);
}

export function isScalarType(type: AttributeType): type is ScalarType {
  return (SCALAR_TYPES as readonly string[]).includes(type);
}
