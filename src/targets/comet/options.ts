// Comet among the targets: its name and its options.

import { describeTarget } from '../descriptor.ts';

export const comet = describeTarget({
  name: 'comet',
  title: 'Comet',
  options: {
    cometWorkspace: {
      flags: '--comet-workspace <name>',
      description: 'workspace of Comet; must be there',
      env: 'COMET_WORKSPACE',
    },
    cometApiKey: {
      flags: '--comet-api-key <key>',
      description: 'API key of Comet; better left to the environment, since a process list shows options',
      env: 'COMET_API_KEY',
    },
  },
  secrets: ['COMET_API_KEY'],
  async create({ cometWorkspace: workspace, cometApiKey: apiKey, ...settings }, env) {
    const { CometTarget } = await import('./index.ts');
    return new CometTarget({
      ...settings,
      env,
      ...(workspace === undefined ? {} : { workspace }),
      ...(apiKey === undefined ? {} : { apiKey }),
    });
  },
});
