// As much of JSON Schema as schema/manifest.schema.json uses, to prove that it says what the program checks.

interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  pattern?: string;
  required?: string[];
  properties?: Record<string, Schema>;
  propertyNames?: Schema;
  additionalProperties?: Schema;
  items?: Schema;
  oneOf?: Schema[];
  if?: Schema;
  then?: Schema;
}

const KNOWN = new Set([
  '$schema',
  '$id',
  '$defs',
  '$ref',
  'title',
  'description',
  'type',
  'const',
  'enum',
  'minimum',
  'maximum',
  'pattern',
  'required',
  'properties',
  'propertyNames',
  'additionalProperties',
  'items',
  'oneOf',
  'if',
  'then',
]);

/** What is wrong with a value, in words; empty if it is valid. */
export function validate(root: Schema, value: unknown, schema: Schema = root, where = 'it'): string[] {
  const unknown = Object.keys(schema).filter((key) => !KNOWN.has(key));
  if (unknown.length > 0) throw new Error(`the test knows nothing of ${unknown.join(', ')} in the schema`);
  if (schema.$ref !== undefined) {
    const definition = root.$defs?.[schema.$ref.replace('#/$defs/', '')];
    if (!definition) throw new Error(`${schema.$ref} is not defined`);
    return validate(root, value, definition, where);
  }
  const problems: string[] = [];
  const types = schema.type === undefined ? [] : [schema.type].flat();
  if (types.length > 0 && !types.some((type) => isOfType(value, type))) return [`${where} is no ${types.join(' or ')}`];
  if ('const' in schema && value !== schema.const) problems.push(`${where} is not ${schema.const}`);
  if (schema.enum && !schema.enum.includes(value)) problems.push(`${where} is none of ${schema.enum}`);
  if (typeof value === 'number' && value < (schema.minimum ?? value)) problems.push(`${where} is too small`);
  if (typeof value === 'number' && value > (schema.maximum ?? value)) problems.push(`${where} is too large`);
  if (typeof value === 'string' && schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value)) {
    problems.push(`${where} doesn't match ${schema.pattern}`);
  }
  if (schema.oneOf) {
    const fitting = schema.oneOf.filter((option) => validate(root, value, option, where).length === 0).length;
    if (fitting !== 1) problems.push(`${where} fits ${fitting} of the options`);
  }
  if (schema.if && schema.then && validate(root, value, schema.if, where).length === 0) {
    problems.push(...validate(root, value, schema.then, where));
  }
  if (Array.isArray(value) && schema.items) {
    for (const item of value) problems.push(...validate(root, item, schema.items, `an item of ${where}`));
  }
  if (isOfType(value, 'object'))
    problems.push(...validateObject(root, value as Record<string, unknown>, schema, where));
  return problems;
}

function validateObject(root: Schema, value: Record<string, unknown>, schema: Schema, where: string): string[] {
  const problems = (schema.required ?? []).filter((key) => !(key in value)).map((key) => `${where} lacks ${key}`);
  for (const [key, entry] of Object.entries(value)) {
    if (schema.propertyNames) problems.push(...validate(root, key, schema.propertyNames, `a key of ${where}`));
    const property = schema.properties?.[key] ?? schema.additionalProperties;
    if (property) problems.push(...validate(root, entry, property, key));
  }
  return problems;
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}
