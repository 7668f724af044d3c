// All targets: one line each.

export { mlflow } from './mlflow/options.ts';
export { zenml } from './zenml/options.ts';
