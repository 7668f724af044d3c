// All targets: one line each.

export { comet } from './comet/options.ts';
export { mlflow } from './mlflow/options.ts';
export { wandb } from './wandb/options.ts';
export { zenml } from './zenml/options.ts';
