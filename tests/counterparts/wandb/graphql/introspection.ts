// What a server tells of its own schema: the SDK probes types for fields before it uses them.

import type { Resolvers } from './execute.ts';
import type { Schema } from './schema.ts';
import type { FieldDefinition, InputDefinition, TypeDefinition, TypeRef } from './syntax.ts';

const KINDS: Record<TypeDefinition['kind'], string> = {
  scalar: 'SCALAR',
  enum: 'ENUM',
  union: 'UNION',
  input: 'INPUT_OBJECT',
  type: 'OBJECT',
  interface: 'INTERFACE',
};

/** Resolvers of `__schema` and `__type`. */
export function introspection<Context>(schema: Schema): Resolvers<Context> {
  const describe = (name: string) => {
    const type = schema.types.get(name);
    return type ? described(type) : null;
  };
  const refer = (type: TypeRef): unknown => {
    if (type.kind === 'named') return describe(type.name);
    const blank = { name: null, description: null, fields: null, inputFields: null, enumValues: null };
    const kind = type.kind === 'list' ? 'LIST' : 'NON_NULL';
    return { ...blank, interfaces: null, possibleTypes: null, kind, ofType: refer(type.of) };
  };
  const described = (type: TypeDefinition) => ({
    kind: KINDS[type.kind],
    name: type.name,
    description: null,
    ofType: null,
    definition: type,
    enumValues:
      type.kind === 'enum' ? type.values.map((name) => ({ name, description: null, isDeprecated: false })) : null,
    // Both ends refer to more types, so these are asked for when they are needed.
    get interfaces() {
      return type.kind === 'type' ? type.interfaces.map(describe) : null;
    },
    get possibleTypes() {
      return type.kind === 'union' || type.kind === 'interface' ? schema.possible(type.name).map(describe) : null;
    },
  });
  type Described = ReturnType<typeof described>;
  const input = ({ name, type }: InputDefinition) => ({ name, description: null, type, defaultValue: null });
  return {
    Query: {
      __schema: () => ({
        queryType: describe('Query'),
        mutationType: describe('Mutation'),
        types: [...schema.types.keys()].map(describe),
      }),
      __type: (_: never, { name }) => describe(name as string),
    },
    __Type: {
      fields: ({ definition }: Described) =>
        definition && 'fields' in definition && definition.kind !== 'input' ? definition.fields : null,
      inputFields: ({ definition }: Described) => (definition?.kind === 'input' ? definition.fields.map(input) : null),
    },
    __Field: {
      args: (field: FieldDefinition) => field.arguments.map(input),
      type: ({ type }: FieldDefinition) => refer(type),
      description: () => null,
      isDeprecated: () => false,
    },
    __InputValue: { type: ({ type }: InputDefinition) => refer(type) },
  };
}
