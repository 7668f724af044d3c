"""Logs points of one metric, and an asset, online through the official SDK.

Usage: comet_points.py FOLDER KEY COUNT, with COMET_URL_OVERRIDE and COMET_API_KEY set.
"""

import json
import sys

import comet_ml

_, _, key, count = sys.argv
experiment = comet_ml.Experiment(project_name="points", experiment_key=key)
for step in range(int(count)):
    experiment.log_metric("loss", step / 7, step=step)
experiment.log_asset_data("content", name="asset.txt", step=1)
experiment.end()
print(json.dumps({"alive": experiment.alive}))
