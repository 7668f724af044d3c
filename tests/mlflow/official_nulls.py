# Writes a part as the official exporter does, with what it has as null: NaN, attributes of other runs, files not had.
#
# usage: official_nulls.py PART PROJECT RUN

import sys

import pyarrow as pa
import pyarrow.parquet as pq

part, project, run = sys.argv[1:]
doubles = pa.list_(pa.float64())
schema = pa.schema(
    [(name, pa.string()) for name in ("project_id", "run_id", "attribute_path", "attribute_type")]
    + [
        ("step", pa.decimal128(18, 6)),
        ("timestamp", pa.timestamp("ms", tz="UTC")),
        ("int_value", pa.int64()),
        ("float_value", pa.float64()),
        ("string_value", pa.string()),
        ("bool_value", pa.bool_()),
        ("datetime_value", pa.timestamp("ms", tz="UTC")),
        ("string_set_value", pa.list_(pa.string())),
        ("file_value", pa.struct([("path", pa.string())])),
        ("histogram_value", pa.struct([("type", pa.string()), ("edges", doubles), ("values", doubles)])),
    ]
)
rows = [
    {"attribute_path": "loss", "attribute_type": "float"},
    {"attribute_path": "note", "attribute_type": "string"},
    {"attribute_path": "model", "attribute_type": "file"},
    {"attribute_path": "here", "attribute_type": "int", "int_value": 1},
    {
        "attribute_path": "h",
        "attribute_type": "histogram_series",
        "step": 1,
        "timestamp": 1000,
        "histogram_value": {"type": "COUNTING", "edges": [0.0, None, 2.0], "values": [None, 1.0]},
    },
]
rows = [{"project_id": project, "run_id": run, **row} for row in rows]
pq.write_table(pa.Table.from_pylist(rows, schema), part, compression="snappy")
