// Tells JSON that is cut. It needn't be good JSON: Python writes NaN, some write a value a line, some put comments in.

const [QUOTE, BACKSLASH] = [34, 92];
const OPEN = new Set([...'[{'].map((one) => one.charCodeAt(0)));
const CLOSE = new Set([...']}'].map((one) => one.charCodeAt(0)));
/** What stands between strings: numbers, words such as `true` and `-Infinity`, separators, blanks. */
const BETWEEN = new Uint8Array(256);
for (const one of ' \t\r\n,:+-._[]{}"') BETWEEN[one.charCodeAt(0)] = 1;
for (const one of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789') BETWEEN[one.charCodeAt(0)] = 1;

/**
 * True if brackets or strings that were opened are not closed. False for what doesn't begin like JSON, or has something in it
 * that only dialects have: there nobody knows what a quote means.
 * @param pieces the text in UTF-8
 */
export async function isCutJson(pieces: AsyncIterable<Uint8Array>): Promise<boolean> {
  let depth = 0;
  let begun = false;
  let inString = false;
  let escaped = false;
  let at = 0;
  for await (const piece of pieces) {
    for (const byte of piece) {
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
        continue;
      }
      // A byte order mark.
      if (at < 3 && !begun && byte > 127) {
        at++;
        continue;
      }
      if (BETWEEN[byte] === 0) return false;
      if (!begun && byte > 32) {
        if (!OPEN.has(byte)) return false;
        begun = true;
      }
      if (byte === QUOTE) inString = true;
      else if (OPEN.has(byte)) depth++;
      else if (CLOSE.has(byte) && --depth < 0) return false;
    }
  }
  return begun && (inString || depth > 0);
}
