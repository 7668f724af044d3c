// All targets: one line each.

export { mlflow } from './mlflow/options.ts';
export { wandb } from './wandb/options.ts';
