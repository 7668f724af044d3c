// The example commands of the first version's README, word by word: people's scripts hold them. Never edit one.

/** `## Installation`: run the CLI. */
export const HELP = `uv run neptune-exporter --help`;

/** `## Quickstart`, 1. */
export const EXPORT = `uv run neptune-exporter export \\
    -p "my-org/my-project" \\
    --exporter neptune3 \\
    --data-path ./exports/data \\
    --files-path ./exports/files`;

/** `#### Export examples`: everything from a project. */
export const EXPORT_PROJECT = `uv run neptune-exporter export -p "workspace/proj" --exporter neptune3`;

/** Only parameters and metrics from runs matching a pattern. */
export const EXPORT_CLASSES = `uv run neptune-exporter export -p "workspace/proj" --exporter neptune3 -r "RUN-.*" -c parameters -c metrics`;

/** Specific attributes by pattern. */
export const EXPORT_ATTRIBUTES = `uv run neptune-exporter export -p "workspace/proj" --exporter neptune3 -a "metrics/accuracy" -a "metrics/loss" -a "config/.*"`;

/** `## Quickstart`, 2. */
export const SUMMARY = `uv run neptune-exporter summary --data-path ./exports/data`;

/** `## Summary command`. */
export const SUMMARY_ALONE = `uv run neptune-exporter summary`;

/** `## Quickstart`, 3: MLflow. */
export const LOAD_MLFLOW = `uv run neptune-exporter load \\
    --loader mlflow \\
    --mlflow-tracking-uri "http://localhost:5000" \\
    --data-path ./exports/data \\
    --files-path ./exports/files`;

/** `#### Export examples`: with the Neptune 2.x client, splitting data and files to different locations. */
export const EXPORT_NEPTUNE2 = `uv run neptune-exporter export -p "workspace/proj" --exporter neptune2 --data-path /mnt/fast/exports/data --files-path /mnt/cold/exports/files`;

/** `## Quickstart`, 3: W&B. */
export const LOAD_WANDB = `uv run neptune-exporter load \\
    --loader wandb \\
    --wandb-entity my-org \\
    --wandb-api-key "$WANDB_API_KEY" \\
    --data-path ./exports/data \\
    --files-path ./exports/files`;

/** ZenML. */
export const LOAD_ZENML = `uv run neptune-exporter load \\
    --loader zenml \\
    --data-path ./exports/data \\
    --files-path ./exports/files`;

/** Comet. */
export const LOAD_COMET = `uv run neptune-exporter load \\
    --loader comet \\
    --comet-workspace "my-workspace" \\
    --comet-api-key "my-comet-api-key" \\
    --data-path ./exports/data \\
    --files-path ./exports/files`;
