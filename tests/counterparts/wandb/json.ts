// JSON as the SDK writes it: NaN and infinities may stand bare in it.

export type JsonObject = Record<string, unknown>;

const STRING_OR_BARE = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g;

/** The text with bare non-finite numbers as the strings that the service answers them as. */
export function quoteNonFinite(text: string): string {
  if (!text.includes('NaN') && !text.includes('Infinity')) return text;
  return text.replace(STRING_OR_BARE, (found) => (found.startsWith('"') ? found : `"${found}"`));
}

/** JSON, with non-finite numbers as strings. @throws SyntaxError */
export function parseLenient(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse(quoteNonFinite(text));
  }
}

/** @throws SyntaxError if it is another kind of value */
export function parseObject(text: string): JsonObject {
  const value = parseLenient(text);
  if (!isObject(value)) throw new SyntaxError('not a JSON object');
  return value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
