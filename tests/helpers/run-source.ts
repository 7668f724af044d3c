// Runs the command line from the sources, so that tests never meet an old build. The built one is tested as a package.

import { main } from '../../src/cli/main.ts';

await main(process.argv.slice(2));
