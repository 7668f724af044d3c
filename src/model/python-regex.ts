// Regular expressions as Python's `re` reads them: people's scripts were written for a Python program.

/** Why a pattern can't be used. `broken`: it is wrong in every dialect; `unsupported`: another dialect may know it. */
export class RegexError extends Error {
  readonly kind: 'broken' | 'unsupported';
  constructor(kind: 'broken' | 'unsupported', message: string) {
    super(message);
    this.name = 'RegexError';
    this.kind = kind;
  }
}

const WORD = '\\p{L}\\p{N}_';
const CLASS_LETTERS: Record<string, string> = {
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  w: `[${WORD}]`,
  W: `[^${WORD}]`,
  s: '\\s',
  S: '\\S',
};
const CHARACTER_LETTERS: Record<string, string> = { a: '\\x07', f: '\\f', n: '\\n', r: '\\r', t: '\\t', v: '\\v' };
/** Anchors: JavaScript's `\b` knows ASCII only, and it has no `\A` and `\Z`. */
const ANCHOR_LETTERS: Record<string, string> = {
  A: '(?<![^])',
  Z: '(?![^])',
  b: `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`,
  B: `(?:(?<=[${WORD}])(?=[${WORD}])|(?<![${WORD}])(?![${WORD}]))`,
};
const ESCAPED_IN_CLASS = /[()[\]{}/\-\\|&!#%,:;<=>@`~^$.*+?]/;
const ESCAPED_OUTSIDE = /[\^$\\.*+?()[\]{}|/]/;

/**
 * Compiles a Python pattern; `test` of the result is `re.search`.
 * @throws RegexError with a reason that completes the sentence "the pattern is not valid: …"
 */
export function compilePythonRegex(pattern: string): RegExp {
  const { source, flags } = translate(pattern);
  try {
    return new RegExp(source, `${flags}v`);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^Invalid regular expression: .*: /s, '') : '';
    throw new RegexError('broken', reason.toLowerCase());
  }
}

function translate(pattern: string): { source: string; flags: string } {
  const global = /^\(\?([a-zA-Z]+)\)/.exec(pattern);
  const flags = translateFlags(global?.[1] ?? '');
  let at = global?.[0].length ?? 0;
  let source = '';
  const open: number[] = [];
  /** Whether something stands before that a quantifier can repeat; `quantified` if it has one already. */
  let before: 'nothing' | 'atom' | 'quantified' = 'nothing';

  const take = (text: string, length: number, after: typeof before) => {
    source += text;
    at += length;
    before = after;
  };

  while (at < pattern.length) {
    const rest = pattern.slice(at);
    const character = String.fromCodePoint(rest.codePointAt(0) ?? 0);
    const quantifier = /^(?:[*+?]|\{(?:\d+(?:,\d*)?|,\d+)\})/.exec(rest)?.[0];
    if (quantifier !== undefined) {
      if (before === 'nothing') throw new RegexError('broken', `nothing to repeat before ${quote(quantifier, at)}`);
      if (before === 'quantified') {
        if (quantifier === '+') throw new RegexError('unsupported', 'possessive quantifiers are not supported');
        throw new RegexError('broken', `two repetitions in a row at ${quote(quantifier, at)}`);
      }
      const lazy = rest.charAt(quantifier.length) === '?' ? '?' : '';
      take(quantifier.replace('{,', '{0,') + lazy, quantifier.length + lazy.length, 'quantified');
    } else if (character === '(') {
      open.push(at);
      const group = translateGroup(rest, at);
      if (group.closed) open.pop();
      take(group.text, group.length, group.closed ? before : 'nothing');
    } else if (character === ')') {
      if (open.pop() === undefined) throw new RegexError('broken', `unbalanced ${quote(')', at)}`);
      take(')', 1, 'atom');
    } else if (character === '[') {
      const { text, length } = translateClass(rest, at);
      take(text, length, 'atom');
    } else if (character === '\\') {
      const { text, length, anchor } = translateEscape(rest, at);
      take(text, length, anchor ? 'nothing' : 'atom');
    } else if (character === '|') {
      take('|', 1, 'nothing');
    } else if (character === '^') {
      take('^', 1, 'nothing');
    } else if (character === '$') {
      take(flags.includes('m') ? '$' : '(?=\\n?$)', 1, 'nothing');
    } else if (character === '.') {
      take(flags.includes('s') ? '[^]' : '[^\\n]', 1, 'atom');
    } else {
      take(literal(character), character.length, 'atom');
    }
  }
  const unclosed = open.at(-1);
  if (unclosed !== undefined) throw new RegexError('broken', `missing ) for ${quote('(', unclosed)}`);
  return { source, flags };
}

function quote(text: string, at: number): string {
  return `\`${text}\` at position ${at + 1}`;
}

function literal(character: string): string {
  return ESCAPED_OUTSIDE.test(character) ? `\\${character}` : character;
}

/** `re.A`, `re.L` and `re.X` would need another translation; `re.U` is the default. */
function translateFlags(letters: string): string {
  for (const letter of letters) {
    if (!'imsu'.includes(letter)) throw new RegexError('unsupported', `the flag \`${letter}\` is not supported`);
  }
  return [...new Set(letters.replaceAll('u', ''))].join('');
}

/** The opening of a group; `closed` for a comment, which is a whole. */
function translateGroup(rest: string, at: number): { text: string; length: number; closed: boolean } {
  const opening = (text: string, length: number) => ({ text, length, closed: false });
  if (!rest.startsWith('(?')) return opening('(', 1);
  const plain = /^\(\?(?::|=|!|<=|<!|[ims]+:)/.exec(rest)?.[0];
  if (plain !== undefined) return opening(plain, plain.length);
  const named = /^\(\?P?<([\p{L}_][\p{L}\p{N}_]*)>/u.exec(rest);
  if (named) return opening(`(?<${named[1]}>`, named[0].length);
  const reference = /^\(\?P=([\p{L}_][\p{L}\p{N}_]*)\)/u.exec(rest);
  if (reference) return { text: `\\k<${reference[1]}>`, length: reference[0].length, closed: true };
  const comment = /^\(\?#[^)]*\)/.exec(rest);
  if (comment) return { text: '', length: comment[0].length, closed: true };
  throw new RegexError('unsupported', `the group ${quote(rest.slice(0, 3), at)} is not supported`);
}

/** A backslash and what it is for; the same in and out of a class but for anchors and back references. */
function translateEscape(rest: string, at: number): { text: string; length: number; anchor: boolean } {
  const result = (text: string, length: number, anchor = false) => ({ text, length, anchor });
  if (rest.length === 1) throw new RegexError('broken', 'it ends in a single backslash');
  const code = /^\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(rest);
  if (code) return result(`\\u{${code[1] ?? code[2] ?? code[3]}}`, code[0].length);
  const reference = /^\\([1-9]\d?)/.exec(rest);
  if (reference) return result(`(?:\\${reference[1]})`, reference[0].length);
  const letter = String.fromCodePoint(rest.codePointAt(1) ?? 0);
  const anchor = ANCHOR_LETTERS[letter];
  if (anchor !== undefined) return result(anchor, 2, true);
  const known = CLASS_LETTERS[letter] ?? CHARACTER_LETTERS[letter];
  if (known !== undefined) return result(known, 2);
  if (/[0-9A-Za-z]/.test(letter))
    throw new RegexError('unsupported', `the escape ${quote(`\\${letter}`, at)} is not supported`);
  return result(literal(letter), 1 + letter.length);
}

function translateClass(rest: string, at: number): { text: string; length: number } {
  let index = 1;
  let text = '[';
  if (rest[index] === '^') {
    text += '^';
    index += 1;
  }
  const first = index;
  while (index < rest.length) {
    const character = String.fromCodePoint(rest.codePointAt(index) ?? 0);
    if (character === ']' && index > first) return { text: `${text}]`, length: index + 1 };
    if (character === '\\') {
      const isBackspace = rest[index + 1] === 'b';
      const escaped = isBackspace ? { text: '\\x08', length: 2 } : translateEscape(rest.slice(index), at + index);
      text +=
        escaped.length === 2 && /^\\[\W_]/.test(rest.slice(index)) ? inClass(rest[index + 1] ?? '') : escaped.text;
      index += escaped.length;
    } else {
      // A hyphen between two characters makes a range; first or last it is itself.
      const isRange = character === '-' && index > first && rest[index + 1] !== ']';
      text += isRange ? '-' : inClass(character);
      index += character.length;
    }
  }
  throw new RegexError('broken', `missing ] for ${quote('[', at)}`);
}

function inClass(character: string): string {
  return ESCAPED_IN_CLASS.test(character) ? `\\${character}` : character;
}
