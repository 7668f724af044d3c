"""The peer of `load`: float series of one project folder into MLflow with its own client, read with pyarrow.

It does the part of the work that the two have in common, one `log_batch` of up to 1,000 points at a time. It makes no
checks, no params and no artifacts, and can't go on with what was half sent.
"""

import sys
from pathlib import Path

import pyarrow.parquet as pq
from mlflow.entities import Metric
from mlflow.tracking import MlflowClient

COLUMNS = ["attribute_path", "attribute_type", "step", "timestamp", "float_value"]
BATCH = 1000

data_path, address = Path(sys.argv[1]), sys.argv[2]
client = MlflowClient(address)
experiment = client.create_experiment(f"peer of {data_path} {sys.argv[3]}")
for part in sorted(data_path.glob("**/*.parquet")):
    run = client.create_run(experiment, run_name=part.name).info.run_id
    metrics = []
    for rows in pq.ParquetFile(part).iter_batches(columns=COLUMNS):
        for path, kind, step, time, value in zip(*(column.to_pylist() for column in rows.columns)):
            if kind != "float_series":
                continue
            metrics.append(Metric(path, value, int(time.timestamp() * 1000), int(step)))
            if len(metrics) == BATCH:
                client.log_batch(run, metrics=metrics)
                metrics = []
    if metrics:
        client.log_batch(run, metrics=metrics)
    client.set_terminated(run)
