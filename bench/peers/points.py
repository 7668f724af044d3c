"""Points of the float series of a folder of parts, one after the other, as loaders that go row by row take them."""

from pathlib import Path

import packages  # Before pyarrow, which it finds.
import pyarrow.parquet as pq

COLUMNS = ["attribute_path", "attribute_type", "step", "timestamp", "float_value"]


def points_of(part):
    """(path, step, time, value) of each point of one part."""
    for rows in pq.ParquetFile(part).iter_batches(columns=COLUMNS):
        for path, kind, step, time, value in zip(*(column.to_pylist() for column in rows.columns)):
            if kind == "float_series":
                yield path, int(step), time, value


def parts_of(data_path):
    return sorted(Path(data_path).glob("**/*.parquet"))
