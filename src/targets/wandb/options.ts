// Weights & Biases among the targets: its name and its options.

import { describeTarget } from '../descriptor.ts';

export const wandb = describeTarget({
  name: 'wandb',
  title: 'Weights & Biases',
  options: {
    wandbEntity: { flags: '--wandb-entity <name>', description: 'W&B user or team', env: 'WANDB_ENTITY' },
    wandbApiKey: {
      flags: '--wandb-api-key <key>',
      description: 'W&B key, which others on this machine can see here; netrc is read as well',
      env: 'WANDB_API_KEY',
    },
    wandbProjectName: {
      flags: '--wandb-project-name <name>',
      description: 'W&B project, in place of the name made from the Neptune project',
    },
    wandbKeepSlashes: {
      flags: '--wandb-keep-slashes',
      description: 'keep / in the names of attributes: W&B groups charts by it',
    },
  },
  secrets: ['WANDB_API_KEY'],
  async create({ wandbEntity, wandbApiKey, wandbProjectName, wandbKeepSlashes, ...settings }, env) {
    const { WandbTarget } = await import('./index.ts');
    return new WandbTarget({
      ...settings,
      env,
      keepSlashes: wandbKeepSlashes !== undefined,
      ...(wandbEntity === undefined ? {} : { entity: wandbEntity }),
      ...(wandbApiKey === undefined ? {} : { apiKey: wandbApiKey }),
      ...(wandbProjectName === undefined ? {} : { projectName: wandbProjectName }),
    });
  },
});
