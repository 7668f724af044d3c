"""The peer of `export` for Neptune 3: all float series of a project with Neptune's own client, written with pyarrow.

It does what the official exporter does with each batch, as its code tells: fetch_metrics of ten runs and 128 attributes into
pandas, made long by `stack`, steps as decimals, through Arrow into one parquet file a project.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import neptune_query.runs as runs_api
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from neptune_query.filters import AttributeFilter
from rows import SCHEMA, add_empty_columns

RUNS, ATTRIBUTES = 10, 128
PLACES = Decimal("1.000000")


def main(project, folder):
    runs = runs_api.list_runs(project=project)
    Path(folder).mkdir(parents=True, exist_ok=True)
    pool = ThreadPoolExecutor(8)
    with pq.ParquetWriter(Path(folder) / "part_0.parquet", SCHEMA) as writer:
        for start in range(0, len(runs), RUNS):
            some = runs[start : start + RUNS]
            names = runs_api.list_attributes(project=project, runs=some, attributes=AttributeFilter(type="float_series"))
            groups = [names[at : at + ATTRIBUTES] for at in range(0, len(names), ATTRIBUTES)]
            for batch in pool.map(lambda group: fetch(project, some, group), groups):
                writer.write_table(batch)
    pool.shutdown()


def fetch(project, runs, names):
    wide = runs_api.fetch_metrics(
        project=project, runs=runs, attributes=names, include_time="absolute", lineage_to_the_root=False
    )
    rows = wide.stack([0], future_stack=True)
    rows.index.names = ["run_id", "step", "attribute_path"]
    rows = rows.reset_index().dropna(subset=["absolute_time", "value"], how="all")
    rows = rows.rename(columns={"absolute_time": "timestamp", "value": "float_value"})
    rows["step"] = rows["step"].map(lambda step: Decimal(step).quantize(PLACES) if pd.notna(step) else None)
    return pa.Table.from_pandas(add_empty_columns(rows, project, "float_series"), schema=SCHEMA, preserve_index=False)


main(sys.argv[1], sys.argv[2])
os._exit(0)  # The client's threads take their time to end, which is none of the work.
