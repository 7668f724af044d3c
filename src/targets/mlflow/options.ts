// MLflow among the targets: its name and its options.

import { describeTarget } from '../descriptor.ts';

export const mlflow = describeTarget({
  name: 'mlflow',
  title: 'MLflow',
  options: {
    mlflowTrackingUri: {
      flags: '--mlflow-tracking-uri <uri>',
      description: 'MLflow server, folder or sqlite:///file',
      env: 'MLFLOW_TRACKING_URI',
    },
  },
  secrets: ['MLFLOW_TRACKING_PASSWORD', 'MLFLOW_TRACKING_TOKEN'],
  async create({ mlflowTrackingUri: trackingUri, ...settings }, env) {
    const { MlflowTarget } = await import('./index.ts');
    return new MlflowTarget({ ...settings, env, ...(trackingUri === undefined ? {} : { trackingUri }) });
  },
});
