// Keeps secrets out of everything that is shown or written: tokens, keys, passwords in addresses, signed addresses.

import { TARGETS } from '../targets/registry.ts';

const MASK = '***';

/** Shorter texts are no secrets worth hiding, and masking them would garble whole sentences. */
const SHORTEST_SECRET = 6;

const RULES: [RegExp, string][] = [
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${MASK}`],
  // JSON in base64: Neptune's API tokens and JSON web tokens both begin like this.
  [/\beyJ[\w+/=.-]{20,}/g, MASK],
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/?#@"'<>]+@/gi, `$1${MASK}@`],
  // A password in the address of a database may hold slashes and at signs as they are.
  [/(\b(?:postgres(?:ql)?|mysql|mssql|oracle)[a-z0-9+.-]*:\/\/)[^\s?#"'<>]*@/gi, `$1${MASK}@`],
  // Signed addresses of Azure, AWS and Google carry the right to read in their query.
  [
    /(\bhttps?:\/\/[^\s?"'<>]+\?)[^\s"'<>]*?\b(?:sig|signature|x-amz-signature|x-goog-signature|x-amz-security-token|token|api_?key)=[^\s"'<>]*/gi,
    `$1${MASK}`,
  ],
  [/((?:api[-_]?(?:key|token)|password|secret|x-neptune-api-token)["']?\s*[:=]\s*["']?)[^\s"',;&]{6,}/gi, `$1${MASK}`],
];

/** Environment variables whose values are secrets. */
const SECRET_VARIABLES = [
  'NEPTUNE_API_TOKEN',
  ...TARGETS.flatMap(({ secrets }) => secrets),
  'WANDB_API_KEY',
  'COMET_API_KEY',
];

export interface Redactor {
  /** The text with every known secret, and whatever looks like one, masked. */
  redact(text: string): string;
  /** Makes a value known as a secret, e.g. one given as an option. */
  addSecret(value: string | undefined): void;
}

/** A redactor that knows the secrets of an environment. */
export function createRedactor(env: Record<string, string | undefined> = {}): Redactor {
  const secrets = new Set<string>();
  const redactor: Redactor = {
    redact(text) {
      let result = text;
      for (const secret of secrets) result = result.replaceAll(secret, MASK);
      for (const [pattern, replacement] of RULES) result = result.replace(pattern, replacement);
      return result;
    },
    addSecret(value) {
      const secret = value?.trim();
      if (secret !== undefined && secret.length >= SHORTEST_SECRET) secrets.add(secret);
    },
  };
  for (const name of SECRET_VARIABLES) redactor.addSecret(env[name]);
  return redactor;
}
