// INI files, as Python's configparser writes them: settings and credentials of services' own clients.

import { readFileSync } from 'node:fs';

/** The values of one section, by lower-case name; empty if the file or the section isn't there. */
export function readIni(path: string, section: string): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return {};
  }
  const values: Record<string, string> = {};
  let current = '';
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[(.+)\]\s*$/.exec(line);
    if (header) current = header[1] ?? '';
    const [, key, value] = /^\s*([^#;=:\s][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
    if (current === section && key !== undefined && value !== undefined) values[key.toLowerCase()] = value;
  }
  return values;
}
