"""Makes a run as the official exporter's loader does.

Usage: official_run.py FOLDER PROJECT NAME GROUP, with WANDB_BASE_URL and WANDB_API_KEY set.
"""

import sys

import wandb

folder, project, name, group = sys.argv[1:]
settings = wandb.Settings(x_disable_stats=True, x_disable_meta=True, console="off", silent=True)
run = wandb.init(project=project, name=name, group=group, dir=folder, settings=settings)
run.config.update({"sys_name": group})
for step in range(2):
    run.log({"m": step}, step=step)
run.finish()
print("{}")
