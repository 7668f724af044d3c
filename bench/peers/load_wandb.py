"""The peer of `load` into W&B: float series with its own SDK, one `log` a step, as the official loader does."""

import sys

import wandb
from points import parts_of, points_of

data_path, folder, name = sys.argv[1:]
for part in parts_of(data_path):
    settings = wandb.Settings(x_disable_stats=True, x_disable_meta=True, console="off", silent=True)
    with wandb.init(project="peer", name=name, dir=folder, settings=settings) as run:
        # W&B takes steps only in their order, so all points of a step come together.
        steps = {}
        for path, step, time, value in points_of(part):
            steps.setdefault(step, {})[path] = value
        for step in sorted(steps):
            run.log(steps[step], step=step)
