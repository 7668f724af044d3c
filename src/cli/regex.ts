// Regular expressions that people give as options: checked before any work begins.

import { compilePythonRegex, RegexError } from '../model/python-regex.ts';
import { usageError } from './errors.ts';

/**
 * A regex that is matched on this machine, as Python's `re` reads it.
 * @param option as it is told, e.g. `-r (--runs)`
 * @throws ExporterError `usage` if it is broken, or of a kind that is not supported here
 */
export function compileRegex(pattern: string, option: string): RegExp {
  try {
    return compilePythonRegex(pattern);
  } catch (error) {
    throw error instanceof RegexError ? regexError(error, pattern, option) : error;
  }
}

/**
 * Refuses a regex that no server could read. The server's dialect is not ours, so whatever another dialect may know is
 * left to the server.
 * @throws ExporterError `usage`
 */
export function checkServerRegex(pattern: string, option: string): void {
  try {
    compilePythonRegex(pattern);
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    if (error.kind === 'broken') throw regexError(error, pattern, option);
  }
}

function regexError(error: RegexError, pattern: string, option: string): Error {
  return usageError(
    `The regular expression '${pattern}' of ${option} is not valid: ${error.message}.`,
    pattern.startsWith('*') ? 'A regular expression is no file pattern: write .* where * is meant.' : undefined,
  );
}
