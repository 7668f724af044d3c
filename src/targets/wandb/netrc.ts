// The user's netrc file, in which `wandb login` leaves the key.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The password of a machine; that of `default` where the machine isn't named. Undefined if there is none.
 * Looks where W&B's own client does: the file of `NETRC`, else `~/.netrc`, else `~/_netrc`.
 */
export function netrcPassword(
  host: string,
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): string | undefined {
  const places = env.NETRC ? [env.NETRC.replace(/^~(?=\/)/, home)] : [join(home, '.netrc'), join(home, '_netrc')];
  for (const place of places) {
    let text: string;
    try {
      text = readFileSync(place, 'utf8');
    } catch {
      continue;
    }
    return passwordIn(text, host);
  }
  return undefined;
}

/** A netrc is a list of words; those after a `#` that begins a word are remarks. Macros end at an empty line. */
function passwordIn(text: string, host: string): string | undefined {
  const words = text
    .replace(/^\s*macdef[\s\S]*?(?:\n\s*\n|(?![\s\S]))/gm, '\n')
    .split('\n')
    .flatMap((line) => line.replace(/(?:^|\s)#.*$/, '').match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [])
    .map((word) => (word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word));
  const passwords = new Map<string, string>();
  let machine: string | undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (word === 'machine') machine = words[++at];
    else if (word === 'default') machine = '';
    else if (word === 'password' && machine !== undefined) {
      const password = words[++at];
      if (password !== undefined && !passwords.has(machine)) passwords.set(machine, password);
    } else if (word === 'login' || word === 'account') at++;
  }
  return passwords.get(host) ?? passwords.get('');
}
