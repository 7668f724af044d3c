"""Goes on with a run of a W&B server, and logs one more line.

Usage: resume_run.py FOLDER PROJECT ID, with WANDB_BASE_URL and WANDB_API_KEY set.
"""

import sys

import wandb

folder, project, run_id = sys.argv[1:]
settings = wandb.Settings(x_disable_stats=True, x_disable_meta=True, console="off", silent=True)
run = wandb.init(project=project, id=run_id, resume="must", dir=folder, settings=settings)
run.log({"later": 1})
run.finish()
print("{}")
