// A schema of GraphQL types: lookup of types and their fields, and what values its inputs take.

import {
  type FieldDefinition,
  type InputDefinition,
  parseTypes,
  type TypeDefinition,
  type TypeRef,
  type Value,
} from './syntax.ts';

const BUILT_IN = `
scalar Int scalar Float scalar String scalar Boolean scalar ID
type __Schema { queryType: __Type! mutationType: __Type types: [__Type!]! }
type __Type {
  kind: String! name: String description: String fields(includeDeprecated: Boolean = false): [__Field!]
  inputFields: [__InputValue!] enumValues(includeDeprecated: Boolean = false): [__EnumValue!]
  interfaces: [__Type!] possibleTypes: [__Type!] ofType: __Type
}
type __Field { name: String! description: String args: [__InputValue!]! type: __Type! isDeprecated: Boolean! }
type __InputValue { name: String! description: String type: __Type! defaultValue: String }
type __EnumValue { name: String! description: String isDeprecated: Boolean! }
`;

export type InputObject = Record<string, unknown>;

/** A scalar's check of a value that came as JSON or as a literal; returns what resolvers get. @throws Error */
export type ScalarReader = (value: unknown) => unknown;

const MAX_INT = 2 ** 31;

const SCALARS: Record<string, ScalarReader> = {
  Int: (value) => integer(value, MAX_INT),
  Float: (value) => (typeof value === 'number' ? value : fail(value)),
  String: (value) => (typeof value === 'string' ? value : fail(value)),
  Boolean: (value) => (typeof value === 'boolean' ? value : fail(value)),
  ID: (value) => (typeof value === 'string' || Number.isInteger(value) ? String(value) : fail(value)),
};

/** @throws Error if it isn't a whole number below the bound */
export function integer(value: unknown, bound: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || Math.abs(value) > bound) return fail(value);
  return value;
}

function fail(value: unknown): never {
  throw new Error(`cannot represent ${JSON.stringify(value)}`);
}

export class Schema {
  readonly types: ReadonlyMap<string, TypeDefinition>;
  readonly #scalars: Record<string, ScalarReader>;

  /**
   * @param scalars readers of the scalars that the definitions add
   * @param hidden fields that aren't there after all, as `Type.field`
   */
  constructor(definitions: string, scalars: Record<string, ScalarReader>, hidden: readonly string[] = []) {
    this.types = new Map(parseTypes(BUILT_IN + definitions).map((type) => [type.name, type]));
    for (const path of hidden) this.#hide(path);
    this.#scalars = { ...SCALARS, ...scalars };
    for (const name of this.#referred()) if (!this.types.has(name)) throw new Error(`The schema has no type ${name}.`);
  }

  isInput(name: string): boolean {
    const kind = this.types.get(name)?.kind;
    return kind === 'scalar' || kind === 'enum' || kind === 'input';
  }

  isLeaf(name: string): boolean {
    const kind = this.types.get(name)?.kind;
    return kind === 'scalar' || kind === 'enum';
  }

  field(typeName: string, name: string): FieldDefinition | undefined {
    if (name === '__typename') return TYPENAME;
    if (typeName === 'Query' && name === '__schema') return SCHEMA_FIELD;
    if (typeName === 'Query' && name === '__type') return TYPE_FIELD;
    const type = this.types.get(typeName);
    return type?.kind === 'type' || type?.kind === 'interface'
      ? type.fields.find((field) => field.name === name)
      : undefined;
  }

  /** Names of the object types that a value of this type can have. */
  possible(name: string): string[] {
    const type = this.types.get(name);
    if (type?.kind === 'union') return type.members;
    if (type?.kind !== 'interface') return [name];
    return [...this.types.values()]
      .filter((one) => one.kind === 'type' && one.interfaces.includes(name))
      .map((one) => one.name);
  }

  /** A value of JSON as an input of a type, with defaults filled in. @throws Error that names the place */
  coerce(value: unknown, type: TypeRef, place: string): unknown {
    if (type.kind === 'nonNull') {
      if (value === null || value === undefined) throw new Error(`${place} must not be null, it is a ${nameOf(type)}`);
      return this.coerce(value, type.of, place);
    }
    if (value === null || value === undefined) return null;
    if (type.kind === 'list') {
      if (!Array.isArray(value)) return [this.coerce(value, type.of, place)];
      return value.map((one, index) => this.coerce(one, type.of, `${place}[${index}]`));
    }
    const definition = this.types.get(type.name);
    if (definition?.kind === 'input') return this.#coerceObject(value, definition.name, definition.fields, place);
    if (definition?.kind === 'enum') {
      if (typeof value !== 'string' || !definition.values.includes(value))
        throw new Error(`${place}: ${JSON.stringify(value)} is no ${type.name}`);
      return value;
    }
    const read = this.#scalars[type.name];
    if (read === undefined) throw new Error(`${place}: ${type.name} is no input type`);
    try {
      return read(value);
    } catch (error) {
      throw new Error(`${place}: ${type.name} ${(error as Error).message}`);
    }
  }

  /** @throws Error if there is none, which would be a mistake in a test */
  #hide(path: string): void {
    const [typeName = '', name] = path.split('.');
    const type = this.types.get(typeName);
    const fields: { name: string }[] = type && 'fields' in type ? type.fields : [];
    const at = fields.findIndex((field) => field.name === name);
    if (at < 0) throw new Error(`The schema has no ${path}.`);
    fields.splice(at, 1);
  }

  #coerceObject(value: unknown, name: string, fields: InputDefinition[], place: string): InputObject {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Error(`${place}: expected an object for ${name}`);
    for (const key of Object.keys(value))
      if (!fields.some((field) => field.name === key))
        throw new Error(`${place}: unknown field. Field "${key}" is not defined by type "${name}".`);
    const object: InputObject = {};
    for (const field of fields) {
      const given = (value as InputObject)[field.name];
      if (given === undefined && field.type.kind !== 'nonNull' && field.default === undefined) continue;
      const used = given === undefined && field.default !== undefined ? plainValue(field.default, {}) : given;
      object[field.name] = this.coerce(used, field.type, `${place}.${field.name}`);
    }
    return object;
  }

  #referred(): string[] {
    const names: string[] = [];
    for (const type of this.types.values()) {
      if (type.kind === 'union') names.push(...type.members);
      if (type.kind === 'input') names.push(...type.fields.map((field) => innermost(field.type)));
      if (type.kind !== 'type' && type.kind !== 'interface') continue;
      names.push(...type.interfaces);
      for (const field of type.fields)
        names.push(innermost(field.type), ...field.arguments.map((one) => innermost(one.type)));
    }
    return names;
  }
}

const named = (name: string): TypeRef => ({ kind: 'named', name });
const TYPENAME: FieldDefinition = {
  name: '__typename',
  arguments: [],
  type: { kind: 'nonNull', of: named('String') },
};
const SCHEMA_FIELD: FieldDefinition = { name: '__schema', arguments: [], type: named('__Schema') };
const TYPE_FIELD: FieldDefinition = {
  name: '__type',
  arguments: [{ name: 'name', type: { kind: 'nonNull', of: named('String') }, default: undefined }],
  type: named('__Type'),
};

export function innermost(type: TypeRef): string {
  return type.kind === 'named' ? type.name : innermost(type.of);
}

/** As it is written: `[String!]!`. */
export function nameOf(type: TypeRef): string {
  if (type.kind === 'named') return type.name;
  return type.kind === 'list' ? `[${nameOf(type.of)}]` : `${nameOf(type.of)}!`;
}

/** A literal as JSON. A variable that isn't given is undefined. */
export function plainValue(value: Value, variables: InputObject): unknown {
  switch (value.kind) {
    case 'variable':
      return variables[value.name];
    case 'null':
      return null;
    case 'boolean':
      return value.value;
    case 'int':
    case 'float':
      return Number(value.text);
    case 'string':
    case 'enum':
      return value.text;
    case 'list':
      return value.values.map((one) => plainValue(one, variables) ?? null);
    case 'object': {
      const fields = value.fields.map(({ name, value: one }) => [name, plainValue(one, variables)] as const);
      return Object.fromEntries(fields.filter(([, one]) => one !== undefined));
    }
  }
}
