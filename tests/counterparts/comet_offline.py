"""Logs offline through the official SDK, then uploads the archive as `comet upload` does.

Usage: comet_offline.py FOLDER KEY COUNT, with COMET_URL_OVERRIDE and COMET_API_KEY set; FOLDER is for the archive.
"""

import json
import os
import subprocess
import sys

import comet_ml

_, folder, key, count = sys.argv
experiment = comet_ml.OfflineExperiment(project_name="offline", experiment_key=key, offline_directory=folder)
experiment.set_name("Offline")
for step in range(int(count)):
    experiment.log_metric("loss", step / 7, step=step)
experiment.log_parameter("lr", 0.1)
experiment.log_asset_data("content", name="asset.txt", step=1)
experiment.add_tag("offline")
experiment.end()
comet = os.path.join(os.path.dirname(sys.executable), "comet")
archive = os.path.join(folder, key + ".zip")
done = subprocess.run([comet, "upload", archive], capture_output=True, text=True)
print(json.dumps({"status": done.returncode, "said": done.stdout + done.stderr}))
