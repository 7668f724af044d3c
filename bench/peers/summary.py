"""The peer of `summary`: counts rows, runs, paths and steps of a folder by reading the columns that say so, with pyarrow."""

import sys
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

rows, runs, paths, steps = 0, set(), set(), set()
for part in sorted(Path(sys.argv[1]).glob("**/*.parquet")):
    table = pq.read_table(part)
    rows += len(table)
    runs.update(pc.unique(table["run_id"]).to_pylist())
    paths.update(pc.unique(table["attribute_path"]).to_pylist())
    steps.update(pc.unique(table["step"]).to_pylist())
print(rows, len(runs), len(paths), len(steps))
