// The archive's parquet schema: contract with the official exporter, column by column and type by type.

import type { SchemaElement } from 'hyparquet';

/** The columns of values as they lie in a file, in file order: the leaves of the schema. */
export const LEAVES = [
  'project_id',
  'run_id',
  'attribute_path',
  'attribute_type',
  'step',
  'timestamp',
  'int_value',
  'float_value',
  'string_value',
  'bool_value',
  'datetime_value',
  'string_set_value.list.element',
  'file_value.path',
  'histogram_value.type',
  'histogram_value.edges.list.element',
  'histogram_value.values.list.element',
] as const;

export type LeafName = (typeof LEAVES)[number];

export interface Leaf {
  name: LeafName;
  physical: 'BYTE_ARRAY' | 'INT64' | 'DOUBLE' | 'BOOLEAN';
  /** Definition level of a value that is there. */
  maxDefinition: number;
  maxRepetition: 0 | 1;
}

function leaf(name: LeafName, physical: Leaf['physical'], maxDefinition = 1, maxRepetition: 0 | 1 = 0): Leaf {
  return { name, physical, maxDefinition, maxRepetition };
}

export const LEAF: Readonly<Record<LeafName, Leaf>> = {
  project_id: leaf('project_id', 'BYTE_ARRAY'),
  run_id: leaf('run_id', 'BYTE_ARRAY'),
  attribute_path: leaf('attribute_path', 'BYTE_ARRAY'),
  attribute_type: leaf('attribute_type', 'BYTE_ARRAY'),
  step: leaf('step', 'INT64'),
  timestamp: leaf('timestamp', 'INT64'),
  int_value: leaf('int_value', 'INT64'),
  float_value: leaf('float_value', 'DOUBLE'),
  string_value: leaf('string_value', 'BYTE_ARRAY'),
  bool_value: leaf('bool_value', 'BOOLEAN'),
  datetime_value: leaf('datetime_value', 'INT64'),
  'string_set_value.list.element': leaf('string_set_value.list.element', 'BYTE_ARRAY', 3, 1),
  'file_value.path': leaf('file_value.path', 'BYTE_ARRAY', 2),
  'histogram_value.type': leaf('histogram_value.type', 'BYTE_ARRAY', 2),
  'histogram_value.edges.list.element': leaf('histogram_value.edges.list.element', 'DOUBLE', 4, 1),
  'histogram_value.values.list.element': leaf('histogram_value.values.list.element', 'DOUBLE', 4, 1),
};

const optional = { repetition_type: 'OPTIONAL' } as const;

function text(name: string): SchemaElement {
  return { name, ...optional, type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } };
}

function time(name: string): SchemaElement {
  const logical_type = { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' } as const;
  return { name, ...optional, type: 'INT64', converted_type: 'TIMESTAMP_MILLIS', logical_type };
}

function list(name: string, element: SchemaElement): SchemaElement[] {
  return [
    { name, ...optional, num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    element,
  ];
}

const STEP: SchemaElement = {
  name: 'step',
  ...optional,
  type: 'INT64',
  converted_type: 'DECIMAL',
  scale: 6,
  precision: 18,
  logical_type: { type: 'DECIMAL', scale: 6, precision: 18 },
};

/** The schema as parquet's footer lists it. Everything is nullable. */
export const SCHEMA: SchemaElement[] = [
  { name: 'schema', num_children: 14, repetition_type: 'REQUIRED' },
  text('project_id'),
  text('run_id'),
  text('attribute_path'),
  text('attribute_type'),
  STEP,
  time('timestamp'),
  { name: 'int_value', ...optional, type: 'INT64' },
  { name: 'float_value', ...optional, type: 'DOUBLE' },
  text('string_value'),
  { name: 'bool_value', ...optional, type: 'BOOLEAN' },
  time('datetime_value'),
  ...list('string_set_value', text('element')),
  { name: 'file_value', ...optional, num_children: 1 },
  text('path'),
  { name: 'histogram_value', ...optional, num_children: 3 },
  text('type'),
  ...list('edges', { name: 'element', ...optional, type: 'DOUBLE' }),
  ...list('values', { name: 'element', ...optional, type: 'DOUBLE' }),
];

/**
 * The same schema in Arrow's own form, made by pyarrow from the official exporter's schema. With it in the footer,
 * pyarrow restores what parquet has no words for, such as the name of a list's items.
 */
export const ARROW_SCHEMA =
  '/////4gEAAAQAAAAAAAKAAwABgAFAAgACgAAAAABBAAMAAAACAAIAAAABAAIAAAABAAAAA4AAAAoBAAA7AMAALgDAACEAwAASAMAAAADAADAAgAA' +
  'hAIAAFACAAAgAgAA3AEAAHgBAAAcAQAABAAAACD8//8AAAENHAAAACwAAAAEAAAAAwAAANQAAAB4AAAAHAAAAA8AAABoaXN0b2dyYW1fdmFsdWUA' +
  'IPz//1z8//8AAAEMFAAAABwAAAAEAAAAAQAAABQAAAAGAAAAdmFsdWVzAABM/P//iPz//wAAAQMQAAAAGAAAAAQAAAAAAAAABAAAAGl0ZW0AAAAA' +
  '+v3//wAAAgC0/P//AAABDBQAAAAcAAAABAAAAAEAAAAUAAAABQAAAGVkZ2VzAAAApPz//+D8//8AAAEDEAAAABgAAAAEAAAAAAAAAAQAAABpdGVt' +
  'AAAAAFL+//8AAAIADP3//wAAAQUQAAAAGAAAAAQAAAAAAAAABAAAAHR5cGUAAAAA+Pz//zT9//8AAAENFAAAACAAAAAEAAAAAQAAABgAAAAKAAAA' +
  'ZmlsZV92YWx1ZQAAKP3//2T9//8AAAEFEAAAABgAAAAEAAAAAAAAAAQAAABwYXRoAAAAAFD9//+M/f//AAABDBQAAAAoAAAABAAAAAEAAAAgAAAA' +
  'EAAAAHN0cmluZ19zZXRfdmFsdWUAAAAAiP3//8T9//8AAAEFEAAAABgAAAAEAAAAAAAAAAQAAABpdGVtAAAAALD9///s/f//AAABChAAAAAgAAAA' +
  'BAAAAAAAAAAOAAAAZGF0ZXRpbWVfdmFsdWUAAPT+//8AAAEABAAAAAMAAABVVEMALP7//wAAAQYQAAAAHAAAAAQAAAAAAAAACgAAAGJvb2xfdmFs' +
  'dWUAABz+//9Y/v//AAABBRAAAAAgAAAABAAAAAAAAAAMAAAAc3RyaW5nX3ZhbHVlAAAAAEz+//+I/v//AAABAxAAAAAkAAAABAAAAAAAAAALAAAA' +
  'ZmxvYXRfdmFsdWUAAAAGAAgABgAGAAAAAAACAMD+//8AAAECEAAAACQAAAAEAAAAAAAAAAkAAABpbnRfdmFsdWUAAAAIAAwACAAHAAgAAAAAAAAB' +
  'QAAAAPz+//8AAAEKEAAAACQAAAAEAAAAAAAAAAkAAAB0aW1lc3RhbXAAAAAIAAwABgAIAAgAAAAAAAEABAAAAAMAAABVVEMAQP///wAAAQcQAAAA' +
  'IAAAAAQAAAAAAAAABAAAAHN0ZXAAAAAACAAMAAQACAAIAAAAEgAAAAYAAAB4////AAABBRAAAAAgAAAABAAAAAAAAAAOAAAAYXR0cmlidXRlX3R5' +
  'cGUAAGz///+o////AAABBRAAAAAgAAAABAAAAAAAAAAOAAAAYXR0cmlidXRlX3BhdGgAAJz////Y////AAABBRAAAAAYAAAABAAAAAAAAAAGAAAA' +
  'cnVuX2lkAADE////EAAUAAgABgAHAAwAAAAQABAAAAAAAAEFEAAAACAAAAAEAAAAAAAAAAoAAABwcm9qZWN0X2lkAAAEAAQABAAAAA==';
