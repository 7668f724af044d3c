"""The peer of `export` for Neptune 2: all float series of a project with Neptune's own client, written with pyarrow.

As the official exporter does it: sixteen runs a batch and eight attributes side by side, fetch_values into pandas, steps as
decimals, through Arrow into one parquet file a project.
"""

import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import neptune
import packages  # Before pyarrow, which it finds.
import pandas as pd  # Before pyarrow, which it finds.
import pyarrow as pa
import pyarrow.parquet as pq
from neptune.attributes.series.float_series import FloatSeries
from rows import SCHEMA, add_empty_columns

PLACES = Decimal("1.000000")
logging.getLogger("neptune").setLevel(logging.ERROR)


def main(project, folder):
    with neptune.init_project(project=project, mode="read-only") as opened:
        runs = opened.fetch_runs_table(columns=[], progress_bar=False).to_pandas()["sys/id"].tolist()
    Path(folder).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(8) as pool, pq.ParquetWriter(Path(folder) / "part_0.parquet", SCHEMA) as writer:
        for id_ in runs:
            with neptune.init_run(project=project, with_id=id_, mode="read-only") as run:
                series = [(path, one) for path, one in leaves(run.get_structure(), ()) if isinstance(one, FloatSeries)]
                frames = list(pool.map(lambda item: fetch(id_, *item), series))
            rows = pd.concat(frames)
            rows["step"] = rows["step"].map(lambda step: Decimal(step).quantize(PLACES))
            rows = rows.rename(columns={"value": "float_value"})
            table = add_empty_columns(rows, project, "float_series")
            writer.write_table(pa.Table.from_pandas(table, schema=SCHEMA, preserve_index=False))


def leaves(structure, path):
    for name, value in structure.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, name))
        else:
            yield "/".join((*path, name)), value


def fetch(run_id, path, series):
    values = series.fetch_values(progress_bar=False)
    values["run_id"] = run_id
    values["attribute_path"] = path
    return values


main(sys.argv[1], sys.argv[2])
os._exit(0)  # The client's threads take their time to end, which is none of the work.
