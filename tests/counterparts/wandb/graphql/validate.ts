// Validation of a document against the schema, as a server does it before it executes anything.

import { innermost, nameOf, type Schema } from './schema.ts';
import type { Argument, Directive, Document, InputDefinition, Operation, Selection, TypeRef, Value } from './syntax.ts';

/** What is wrong with a document; nothing, if it may be executed. */
export function validate(schema: Schema, document: Document): string[] {
  const validator = new Validator(schema, document);
  for (const operation of document.operations) validator.operation(operation);
  validator.fragments();
  return validator.errors;
}

class Validator {
  readonly errors: string[] = [];
  readonly #schema: Schema;
  readonly #document: Document;
  readonly #usedFragments = new Set<string>();
  #operation: Operation | undefined;
  #usedVariables = new Set<string>();

  constructor(schema: Schema, document: Document) {
    this.#schema = schema;
    this.#document = document;
  }

  operation(operation: Operation): void {
    this.#operation = operation;
    this.#usedVariables = new Set();
    for (const { name, type } of operation.variables)
      if (!this.#schema.isInput(innermost(type)))
        this.errors.push(`Variable "$${name}" has the unknown input type "${nameOf(type)}".`);
    const root = operation.kind === 'query' ? 'Query' : 'Mutation';
    this.#selections(operation.selections, root, new Map(), []);
    for (const { name } of operation.variables)
      if (!this.#usedVariables.has(name))
        this.errors.push(`Variable "$${name}" is never used in operation "${operation.name ?? ''}".`);
  }

  fragments(): void {
    for (const { name } of this.#document.fragments)
      if (!this.#usedFragments.has(name)) this.errors.push(`Fragment "${name}" is never used.`);
  }

  /** @param keys what stands for each key of the answer so far @param within fragments that this is inside of */
  #selections(selections: Selection[], typeName: string, keys: Map<string, string>, within: string[]): void {
    for (const selection of selections) {
      this.#directives(selection.directives);
      if (selection.kind === 'field') this.#field(selection, typeName, keys, within);
      else if (selection.kind === 'inline')
        this.#nested(selection.on ?? typeName, selection.selections, typeName, keys, within);
      else this.#spread(selection.name, typeName, keys, within);
    }
  }

  #spread(name: string, typeName: string, keys: Map<string, string>, within: string[]): void {
    this.#usedFragments.add(name);
    const fragment = this.#document.fragments.find((one) => one.name === name);
    if (fragment === undefined) this.errors.push(`Unknown fragment "${name}".`);
    else if (within.includes(name)) this.errors.push(`Cannot spread fragment "${name}" within itself.`);
    else this.#nested(fragment.on, fragment.selections, typeName, keys, [...within, name]);
  }

  #nested(on: string, selections: Selection[], typeName: string, keys: Map<string, string>, within: string[]): void {
    if (!this.#schema.types.has(on)) {
      this.errors.push(`Unknown type "${on}".`);
      return;
    }
    const here = this.#schema.possible(typeName);
    if (!this.#schema.possible(on).some((one) => here.includes(one)))
      this.errors.push(`A fragment on "${on}" can never be spread into "${typeName}".`);
    this.#selections(selections, on, keys, within);
  }

  #field(field: Selection & { kind: 'field' }, typeName: string, keys: Map<string, string>, within: string[]): void {
    const definition = this.#schema.field(typeName, field.name);
    if (definition === undefined) {
      this.errors.push(`Cannot query field "${field.name}" on type "${typeName}".`);
      return;
    }
    const written = `${field.name}${JSON.stringify(field.arguments)}`;
    if ((keys.get(field.key) ?? written) !== written)
      this.errors.push(`Fields "${field.key}" conflict because they are different fields.`);
    keys.set(field.key, written);
    this.#arguments(field.arguments, definition.arguments, `field "${typeName}.${field.name}"`);
    const inner = innermost(definition.type);
    if (this.#schema.isLeaf(inner)) {
      if (field.selections) this.errors.push(`Field "${field.name}" must not have a selection: it is a ${inner}.`);
    } else if (!field.selections) this.errors.push(`Field "${field.name}" of type "${inner}" must have a selection.`);
    else this.#selections(field.selections, inner, new Map(), within);
  }

  #directives(directives: Directive[]): void {
    for (const { name, arguments: given } of directives) {
      if (name === 'include' || name === 'skip') this.#arguments(given, DIRECTIVE_ARGUMENTS, `directive "@${name}"`);
      else this.errors.push(`Unknown directive "@${name}".`);
    }
  }

  #arguments(given: Argument[], defined: InputDefinition[], place: string): void {
    const names = given.map(({ name }) => name);
    if (new Set(names).size < names.length) this.errors.push(`There can be only one argument of a name on ${place}.`);
    for (const { name, value } of given) {
      const definition = defined.find((one) => one.name === name);
      if (definition === undefined) this.errors.push(`Unknown argument "${name}" on ${place}.`);
      else this.#value(value, definition.type, definition.default !== undefined, `argument "${name}" on ${place}`);
    }
    for (const { name, type, default: fallback } of defined)
      if (type.kind === 'nonNull' && fallback === undefined && !names.includes(name))
        this.errors.push(`Argument "${name}" of type "${nameOf(type)}" is required on ${place}.`);
  }

  #value(value: Value, type: TypeRef, hasDefault: boolean, place: string): void {
    if (value.kind === 'variable') {
      this.#variable(value.name, type, hasDefault, place);
      return;
    }
    if (type.kind === 'nonNull') {
      if (value.kind === 'null') this.errors.push(`Expected a "${nameOf(type)}", found null, in ${place}.`);
      else this.#value(value, type.of, false, place);
      return;
    }
    if (value.kind === 'null') return;
    if (type.kind === 'list') {
      for (const one of value.kind === 'list' ? value.values : [value]) this.#value(one, type.of, false, place);
      return;
    }
    const definition = this.#schema.types.get(type.name);
    if (definition?.kind === 'input') this.#object(value, definition.name, definition.fields, place);
    else if (definition?.kind === 'enum') {
      if (value.kind !== 'enum' || !definition.values.includes(value.text))
        this.errors.push(`A value of the enum "${type.name}" was expected in ${place}.`);
    } else if (!LITERALS[type.name]?.includes(value.kind) && type.name !== 'JSON')
      this.errors.push(`Expected a value of type "${type.name}", found ${value.kind}, in ${place}.`);
  }

  #object(value: Value, name: string, fields: InputDefinition[], place: string): void {
    if (value.kind === 'object') this.#arguments(value.fields, fields, `input "${name}"`);
    else this.errors.push(`Expected an object of type "${name}" in ${place}.`);
  }

  #variable(name: string, type: TypeRef, hasDefault: boolean, place: string): void {
    this.#usedVariables.add(name);
    const definition = this.#operation?.variables.find((one) => one.name === name);
    if (definition === undefined) {
      this.errors.push(`Variable "$${name}" is not defined.`);
      return;
    }
    const hasOwn = definition.default !== undefined && definition.default.kind !== 'null';
    const wanted = type.kind === 'nonNull' && (hasOwn || hasDefault) ? type.of : type;
    if (!fits(definition.type, wanted))
      this.errors.push(
        `Variable "$${name}" of type "${nameOf(definition.type)}" used in a position that expects "${nameOf(type)}": ${place}.`,
      );
  }
}

function fits(given: TypeRef, wanted: TypeRef): boolean {
  if (wanted.kind === 'nonNull') return given.kind === 'nonNull' && fits(given.of, wanted.of);
  if (given.kind === 'nonNull') return fits(given.of, wanted);
  if (wanted.kind === 'list') return given.kind === 'list' && fits(given.of, wanted.of);
  return given.kind === 'named' && given.name === wanted.name;
}

/** Kinds of literals that scalars are written as; those that take any aren't here. */
const LITERALS: Record<string, Value['kind'][]> = {
  Int: ['int'],
  Int64: ['int'],
  Float: ['int', 'float'],
  Boolean: ['boolean'],
  String: ['string'],
  JSONString: ['string'],
  DateTime: ['string'],
  ID: ['string', 'int'],
};

const DIRECTIVE_ARGUMENTS: InputDefinition[] = [
  { name: 'if', type: { kind: 'nonNull', of: { kind: 'named', name: 'Boolean' } }, default: undefined },
];
