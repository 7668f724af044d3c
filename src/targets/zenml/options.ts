// ZenML among the targets: its name and its options. It has none: the login is that of `zenml login`, or environment variables.

import { describeTarget } from '../descriptor.ts';

export const zenml = describeTarget({
  name: 'zenml',
  title: 'ZenML',
  options: {},
  secrets: [
    'ZENML_STORE_API_KEY',
    'ZENML_STORE_API_TOKEN',
    'ZENML_STORE_PASSWORD',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SESSION_TOKEN',
    'AZURE_STORAGE_ACCOUNT_KEY',
    'AZURE_STORAGE_CONNECTION_STRING',
    'AZURE_STORAGE_SAS_TOKEN',
  ],
  async create(settings, env) {
    const { ZenmlTarget } = await import('./index.ts');
    return new ZenmlTarget({ ...settings, env });
  },
});
