#!/usr/bin/env node
// The program's door: tells an old Node what is needed, then starts the command line. Plain JavaScript that Node 12 can read.

import { existsSync } from 'node:fs';

const NEEDED = [22, 18];
const found = process.versions.node.split('.').map(Number);

if (found[0] < NEEDED[0] || (found[0] === NEEDED[0] && found[1] < NEEDED[1])) {
  process.stderr.write(
    `error: neptune-exporter needs Node ${NEEDED.join('.')} or newer, this is Node ${process.versions.node}.\n` +
      'hint: install a current Node from https://nodejs.org/en/download, or run the program with `npx -p node@24 -p neptune-exporter neptune-exporter`\n',
  );
  process.exitCode = 1;
} else {
  const built = new URL('../dist/cli/main.js', import.meta.url);
  // A checkout that was never built runs from its sources.
  const entry = existsSync(built) ? built : new URL('../src/cli/main.ts', import.meta.url);
  import(entry.href).then((cli) => cli.main(process.argv.slice(2)));
}
