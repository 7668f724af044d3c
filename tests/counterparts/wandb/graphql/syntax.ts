// The syntax of GraphQL: documents of operations and definitions of types, as trees.

export type TypeRef =
  | { kind: 'named'; name: string }
  | { kind: 'list'; of: TypeRef }
  | { kind: 'nonNull'; of: TypeRef };

export type Value =
  | { kind: 'variable'; name: string }
  | { kind: 'int' | 'float' | 'string' | 'enum'; text: string }
  | { kind: 'boolean'; value: boolean }
  | { kind: 'null' }
  | { kind: 'list'; values: Value[] }
  | { kind: 'object'; fields: Argument[] };

export interface Argument {
  name: string;
  value: Value;
}

export interface Directive {
  name: string;
  arguments: Argument[];
}

export interface Field {
  kind: 'field';
  /** The key in the answer: the alias, if there is one. */
  key: string;
  name: string;
  arguments: Argument[];
  directives: Directive[];
  selections: Selection[] | undefined;
}

export interface Spread {
  kind: 'spread';
  name: string;
  directives: Directive[];
}

export interface Inline {
  kind: 'inline';
  on: string | undefined;
  directives: Directive[];
  selections: Selection[];
}

export type Selection = Field | Spread | Inline;

export interface VariableDefinition {
  name: string;
  type: TypeRef;
  default: Value | undefined;
}

export interface Operation {
  kind: 'query' | 'mutation';
  name: string | undefined;
  variables: VariableDefinition[];
  selections: Selection[];
}

export interface Fragment {
  name: string;
  on: string;
  selections: Selection[];
}

export interface Document {
  operations: Operation[];
  fragments: Fragment[];
}

export interface InputDefinition {
  name: string;
  type: TypeRef;
  default: Value | undefined;
}

export interface FieldDefinition {
  name: string;
  type: TypeRef;
  arguments: InputDefinition[];
}

export type TypeDefinition =
  | { kind: 'scalar'; name: string }
  | { kind: 'enum'; name: string; values: string[] }
  | { kind: 'union'; name: string; members: string[] }
  | { kind: 'input'; name: string; fields: InputDefinition[] }
  | { kind: 'type' | 'interface'; name: string; interfaces: string[]; fields: FieldDefinition[] };

export class GraphQLSyntaxError extends Error {}

const TOKEN =
  /[\s,\ufeff]+|#[^\n\r]*|(?<block>"""(?:[^"\\]|\\"""|\\|"(?!""))*""")|(?<string>"(?:[^"\\\n\r]|\\.)*")|(?<number>-?(?:0|[1-9]\d*)(?<fraction>(?:\.\d+)?(?:[eE][+-]?\d+)?))|(?<name>[_A-Za-z]\w*)|(?<mark>\.\.\.|[!$&()/:=@[\]{}|])/gy;

interface Token {
  kind: 'string' | 'int' | 'float' | 'name' | 'mark' | 'end';
  text: string;
  at: number;
}

function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.length) {
    const at = TOKEN.lastIndex;
    const groups = TOKEN.exec(source)?.groups;
    if (groups === undefined)
      throw new GraphQLSyntaxError(`Syntax Error: unexpected ${JSON.stringify(source.slice(at, at + 12))} at ${at}`);
    const { block, string, number, fraction, name, mark } = groups;
    if (block !== undefined) tokens.push({ kind: 'string', text: block.slice(3, -3).replaceAll('\\"""', '"""'), at });
    else if (string !== undefined) tokens.push({ kind: 'string', text: JSON.parse(string) as string, at });
    else if (number !== undefined) tokens.push({ kind: fraction ? 'float' : 'int', text: number, at });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name, at });
    else if (mark !== undefined) tokens.push({ kind: 'mark', text: mark, at });
  }
  tokens.push({ kind: 'end', text: 'end of document', at: source.length });
  return tokens;
}

/** @throws GraphQLSyntaxError */
export function parseDocument(source: string): Document {
  return new Parser(source).document();
}

/** @throws GraphQLSyntaxError */
export function parseTypes(source: string): TypeDefinition[] {
  return new Parser(source).types();
}

class Parser {
  readonly #tokens: Token[];
  #at = 0;

  constructor(source: string) {
    this.#tokens = tokensOf(source);
  }

  document(): Document {
    const operations: Operation[] = [];
    const fragments: Fragment[] = [];
    do {
      if (this.#is('{'))
        operations.push({ kind: 'query', name: undefined, variables: [], selections: this.#selections() });
      else {
        const word = this.#name();
        if (word === 'fragment') fragments.push(this.#fragment());
        else if (word === 'query' || word === 'mutation') operations.push(this.#operation(word));
        else throw this.#unexpected(-1);
      }
    } while (!this.#isEnd());
    return { operations, fragments };
  }

  types(): TypeDefinition[] {
    const types: TypeDefinition[] = [];
    while (!this.#isEnd()) types.push(this.#type());
    return types;
  }

  #operation(kind: Operation['kind']): Operation {
    const name = this.#peek().kind === 'name' ? this.#name() : undefined;
    const variables: VariableDefinition[] = [];
    if (this.#take('(')) {
      do {
        this.#expect('$');
        variables.push(this.#input());
      } while (!this.#take(')'));
    }
    return { kind, name, variables, selections: this.#selections() };
  }

  #fragment(): Fragment {
    const name = this.#name();
    if (this.#name() !== 'on') throw this.#unexpected(-1);
    return { name, on: this.#name(), selections: this.#selections() };
  }

  #selections(): Selection[] {
    const selections: Selection[] = [];
    this.#expect('{');
    do selections.push(this.#selection());
    while (!this.#take('}'));
    return selections;
  }

  #selection(): Selection {
    if (this.#take('...')) {
      if (this.#peek().kind === 'name' && this.#peek().text !== 'on')
        return { kind: 'spread', name: this.#name(), directives: this.#directives() };
      const on = this.#peek().text === 'on' && this.#name() ? this.#name() : undefined;
      return { kind: 'inline', on, directives: this.#directives(), selections: this.#selections() };
    }
    const key = this.#name();
    const name = this.#take(':') ? this.#name() : key;
    const given = this.#is('(') ? this.#arguments() : [];
    const directives = this.#directives();
    const selections = this.#is('{') ? this.#selections() : undefined;
    return { kind: 'field', key, name, arguments: given, directives, selections };
  }

  #arguments(): Argument[] {
    const found: Argument[] = [];
    this.#expect('(');
    do found.push(this.#argument());
    while (!this.#take(')'));
    return found;
  }

  #argument(): Argument {
    const name = this.#name();
    this.#expect(':');
    return { name, value: this.#value() };
  }

  #directives(): Directive[] {
    const directives: Directive[] = [];
    while (this.#take('@')) directives.push({ name: this.#name(), arguments: this.#is('(') ? this.#arguments() : [] });
    return directives;
  }

  #value(): Value {
    if (this.#take('$')) return { kind: 'variable', name: this.#name() };
    if (this.#take('[')) {
      const values: Value[] = [];
      while (!this.#take(']')) values.push(this.#value());
      return { kind: 'list', values };
    }
    if (this.#take('{')) {
      const fields: Argument[] = [];
      while (!this.#take('}')) fields.push(this.#argument());
      return { kind: 'object', fields };
    }
    const { kind, text } = this.#next();
    if (kind === 'string' || kind === 'int' || kind === 'float') return { kind, text };
    if (kind !== 'name') throw this.#unexpected(-1);
    if (text === 'null') return { kind: 'null' };
    return text === 'true' || text === 'false' ? { kind: 'boolean', value: text === 'true' } : { kind: 'enum', text };
  }

  #typeRef(): TypeRef {
    let type: TypeRef;
    if (this.#take('[')) {
      type = { kind: 'list', of: this.#typeRef() };
      this.#expect(']');
    } else type = { kind: 'named', name: this.#name() };
    return this.#take('!') ? { kind: 'nonNull', of: type } : type;
  }

  /** `name: Type = default`, of a variable, an argument or an input field. */
  #input(): InputDefinition {
    const name = this.#name();
    this.#expect(':');
    return { name, type: this.#typeRef(), default: this.#take('=') ? this.#value() : undefined };
  }

  #type(): TypeDefinition {
    const kind = this.#name();
    const name = this.#name();
    if (kind === 'scalar') return { kind, name };
    if (kind === 'union') {
      this.#expect('=');
      const members = [this.#name()];
      while (this.#take('|')) members.push(this.#name());
      return { kind, name, members };
    }
    if (kind === 'enum') return { kind, name, values: this.#block(() => this.#name()) };
    if (kind === 'input') return { kind, name, fields: this.#block(() => this.#input()) };
    if (kind !== 'type' && kind !== 'interface') throw this.#unexpected(-2);
    const interfaces: string[] = [];
    if (this.#peek().text === 'implements') {
      this.#next();
      do interfaces.push(this.#name());
      while (this.#take('&'));
    }
    return { kind, name, interfaces, fields: this.#block(() => this.#fieldDefinition()) };
  }

  #fieldDefinition(): FieldDefinition {
    const name = this.#name();
    const inputs: InputDefinition[] = [];
    if (this.#take('(')) {
      do inputs.push(this.#input());
      while (!this.#take(')'));
    }
    this.#expect(':');
    return { name, arguments: inputs, type: this.#typeRef() };
  }

  #block<T>(one: () => T): T[] {
    const found: T[] = [];
    this.#expect('{');
    do found.push(one());
    while (!this.#take('}'));
    return found;
  }

  #peek(): Token {
    return this.#tokens[this.#at]!;
  }

  #next(): Token {
    const token = this.#peek();
    if (token.kind !== 'end') this.#at += 1;
    return token;
  }

  #is(mark: string): boolean {
    const { kind, text } = this.#peek();
    return kind === 'mark' && text === mark;
  }

  #isEnd(): boolean {
    return this.#peek().kind === 'end';
  }

  #take(mark: string): boolean {
    const found = this.#is(mark);
    if (found) this.#at += 1;
    return found;
  }

  #expect(mark: string): void {
    if (!this.#take(mark)) throw this.#unexpected(0, mark);
  }

  #name(): string {
    const { kind, text } = this.#next();
    if (kind !== 'name') throw this.#unexpected(-1, 'a name');
    return text;
  }

  #unexpected(back: number, wanted?: string): GraphQLSyntaxError {
    const { text, at } = this.#tokens[Math.max(0, this.#at + back)]!;
    const hint = wanted === undefined ? '' : `, expected ${wanted}`;
    return new GraphQLSyntaxError(`Syntax Error: unexpected ${text} at ${at}${hint}`);
  }
}
