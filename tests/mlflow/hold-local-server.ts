// Starts a local MLflow by way of the target and holds it until it is killed. usage: FOLDER PATH

import { MlflowTarget } from '../../src/targets/mlflow/index.ts';

const [cwd = '', path = ''] = process.argv.slice(2);
const trackingUri = 'sqlite:///held.db';
const target = new MlflowTarget({ env: { PATH: path, HOME: cwd }, cwd, home: cwd, trackingUri });
await target.connect();
console.log('ready');
