// Execution of a validated document: each selected field is asked of its resolver, and nothing else is answered.

import { introspection } from './introspection.ts';
import { type InputObject, innermost, plainValue, type Schema } from './schema.ts';
import type { Argument, Document, Field, InputDefinition, Operation, Selection, TypeRef } from './syntax.ts';

export type Arguments = Record<string, unknown>;

/** Gives a field's value. Without a resolver it is the property of the same name. */
export type Resolver<Context> = (source: never, given: Arguments, context: Context) => unknown;

/** Resolvers by type and field. */
export type Resolvers<Context> = Record<string, Record<string, Resolver<Context>>>;

export interface Execution<Context> {
  schema: Schema;
  resolvers: Resolvers<Context>;
  document: Document;
  operation: Operation;
  variables: InputObject;
  context: Context;
}

/** The variables of an operation, checked and with defaults. @throws Error */
export function coerceVariables(schema: Schema, operation: Operation, given: InputObject): InputObject {
  const variables: InputObject = {};
  for (const { name, type, default: fallback } of operation.variables) {
    const value = given[name];
    if (value !== undefined) variables[name] = schema.coerce(value, type, `Variable "$${name}"`);
    else if (fallback !== undefined)
      variables[name] = schema.coerce(plainValue(fallback, {}), type, `Variable "$${name}"`);
    else if (type.kind === 'nonNull') throw new Error(`Variable "$${name}" of required type was not provided.`);
  }
  return variables;
}

/** The `data` of the answer. @throws what resolvers throw */
export function execute<Context>(execution: Execution<Context>): unknown {
  const root = execution.operation.kind === 'query' ? 'Query' : 'Mutation';
  return new Executor(execution).object({}, root, execution.operation.selections);
}

class Executor<Context> {
  readonly #execution: Execution<Context>;
  readonly #introspection: Resolvers<Context>;

  constructor(execution: Execution<Context>) {
    this.#execution = execution;
    this.#introspection = introspection(execution.schema);
  }

  object(source: object, typeName: string, selections: Selection[]): unknown {
    const answer: Record<string, unknown> = {};
    for (const [key, fields] of this.#fieldsOf(selections, typeName, new Map())) {
      const [first] = fields;
      answer[key] = this.#field(
        source,
        typeName,
        first!,
        fields.flatMap((one) => one.selections ?? []),
      );
    }
    return answer;
  }

  /** The fields that are asked for by key of the answer, from fragments, too. */
  #fieldsOf(selections: Selection[], typeName: string, found: Map<string, Field[]>): Map<string, Field[]> {
    for (const selection of selections) {
      if (!this.#isIncluded(selection)) continue;
      if (selection.kind === 'field') {
        const same = found.get(selection.key);
        if (same) same.push(selection);
        else found.set(selection.key, [selection]);
        continue;
      }
      const fragment =
        selection.kind === 'inline'
          ? selection
          : this.#execution.document.fragments.find(({ name }) => name === selection.name)!;
      if (this.#execution.schema.possible(fragment.on ?? typeName).includes(typeName))
        this.#fieldsOf(fragment.selections, typeName, found);
    }
    return found;
  }

  #isIncluded({ directives }: Selection): boolean {
    return directives.every(({ name, arguments: given }) => {
      const isTrue = plainValue(given[0]!.value, this.#execution.variables) === true;
      return name === 'include' ? isTrue : !isTrue;
    });
  }

  #field(source: object, typeName: string, field: Field, selections: Selection[]): unknown {
    if (field.name === '__typename') return typeName;
    const { schema, resolvers, context } = this.#execution;
    const definition = schema.field(typeName, field.name)!;
    const resolver = resolvers[typeName]?.[field.name] ?? this.#introspection[typeName]?.[field.name];
    const given = this.#arguments(field.arguments, definition.arguments);
    const value = resolver ? resolver(source as never, given, context) : (source as Arguments)[field.name];
    if (value === undefined) throw new Error(`The emulator has no ${typeName}.${field.name}.`);
    return this.#complete(value, definition.type, selections, `${typeName}.${field.name}`);
  }

  #arguments(given: Argument[], defined: InputDefinition[]): Arguments {
    const { schema, variables } = this.#execution;
    const values: Arguments = {};
    for (const { name, type, default: fallback } of defined) {
      const argument = given.find((one) => one.name === name);
      let value = argument && plainValue(argument.value, variables);
      if (value === undefined && fallback) value = plainValue(fallback, {});
      if (value !== undefined || type.kind === 'nonNull')
        values[name] = schema.coerce(value, type, `Argument "${name}"`);
    }
    return values;
  }

  #complete(value: unknown, type: TypeRef, selections: Selection[], place: string): unknown {
    if (type.kind === 'nonNull') {
      if (value === null) throw new Error(`The emulator has null for ${place}, which must not be null.`);
      return this.#complete(value, type.of, selections, place);
    }
    if (value === null) return null;
    if (type.kind === 'list') {
      if (!Array.isArray(value)) throw new Error(`The emulator has no list for ${place}.`);
      // Long lists of texts, e.g. history, needn't be gone through.
      if (this.#execution.schema.isLeaf(innermost(type))) return value;
      return value.map((one: unknown) => this.#complete(one, type.of, selections, place));
    }
    if (this.#execution.schema.isLeaf(type.name)) return value;
    return this.object(value as object, this.#typeOf(value as object, type.name), selections);
  }

  #typeOf(value: object, name: string): string {
    const possible = this.#execution.schema.possible(name);
    if (possible.length === 1) return possible[0]!;
    const typeName = (value as { __typename?: string }).__typename;
    if (typeName === undefined || !possible.includes(typeName))
      throw new Error(`The emulator has no type for ${name}.`);
    return typeName;
  }
}
