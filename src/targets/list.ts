// All targets: one line each.

export { mlflow } from './mlflow/options.ts';
