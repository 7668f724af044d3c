"""The peer of `load` into MLflow: float series with its own client, one `log_batch` of up to 1,000 points at a time.

It does the part of the work that the two have in common: no checks, no params and no artifacts, and it can't go on with what
was half sent.
"""

import sys

from mlflow.entities import Metric
from mlflow.tracking import MlflowClient
from points import parts_of, points_of

BATCH = 1000

data_path, address, name = sys.argv[1:]
client = MlflowClient(address)
experiment = client.create_experiment(name)
for part in parts_of(data_path):
    run = client.create_run(experiment, run_name=part.name).info.run_id
    metrics = []
    for path, step, time, value in points_of(part):
        metrics.append(Metric(path, value, int(time.timestamp() * 1000), step))
        if len(metrics) == BATCH:
            client.log_batch(run, metrics=metrics)
            metrics = []
    if metrics:
        client.log_batch(run, metrics=metrics)
    client.set_terminated(run)
