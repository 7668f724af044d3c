"""The peer of `load` into Comet: float series with its own SDK, one `log_metric` a point, as the official loader does."""

import sys

import comet_ml
from points import parts_of, points_of

data_path, folder, name = sys.argv[1:]
for part in parts_of(data_path):
    experiment = comet_ml.Experiment(
        project_name="peer", log_code=False, log_git_metadata=False, auto_output_logging=False, log_env_details=False
    )
    experiment.set_name(name)
    for path, step, time, value in points_of(part):
        experiment.log_metric(path, value, step=step)
    experiment.end()
