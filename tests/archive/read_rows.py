"""Reads parquet parts with another program's reader and prints their rows as JSON lines, in the form of rows.ts.

Usage: read_rows.py pyarrow|duckdb FILE...
"""

import json
import struct
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema(
    [
        ("project_id", pa.string()),
        ("run_id", pa.string()),
        ("attribute_path", pa.string()),
        ("attribute_type", pa.string()),
        ("step", pa.decimal128(18, 6)),
        ("timestamp", pa.timestamp("ms", tz="UTC")),
        ("int_value", pa.int64()),
        ("float_value", pa.float64()),
        ("string_value", pa.string()),
        ("bool_value", pa.bool_()),
        ("datetime_value", pa.timestamp("ms", tz="UTC")),
        ("string_set_value", pa.list_(pa.string())),
        ("file_value", pa.struct([("path", pa.string())])),
        (
            "histogram_value",
            pa.struct([("type", pa.string()), ("edges", pa.list_(pa.float64())), ("values", pa.list_(pa.float64()))]),
        ),
    ]
)


def with_pyarrow(path):
    if not pq.read_schema(path).equals(SCHEMA):
        raise SystemExit(f"{path} has another schema: {pq.read_schema(path)}")
    table = pq.read_table(path)
    table.validate(full=True)
    if not table.schema.equals(SCHEMA):
        raise SystemExit(f"{path} is read with another schema: {table.schema}")
    for name in ("timestamp", "datetime_value"):
        table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(pa.int64()))
    for row in table.to_pylist():
        yield list(row.values())


def with_duckdb(path):
    found = duckdb.execute(
        """select project_id, run_id, attribute_path, attribute_type, step, epoch_ms("timestamp"), int_value,
        float_value, string_value, bool_value, epoch_ms(datetime_value), string_set_value, file_value, histogram_value
        from read_parquet($1)""",
        [path],
    )
    return found.fetchall()


def double(value):
    return "nan" if value != value else struct.pack(">d", value).hex()


def plain(row):
    project, run, path, kind, step, time, integer, number, text, truth, date, texts, file, histogram = row
    found = {"project": project, "run": run, "path": path, "type": kind}
    if step is not None:
        found["step"] = str(int(step.scaleb(6)))
    if time is not None:
        found["timestamp"] = str(time)
    if integer is not None:
        found["int"] = str(integer)
    if number is not None:
        found["float"] = double(number)
    if text is not None:
        found["string"] = text
    if truth is not None:
        found["bool"] = truth
    if date is not None:
        found["datetime"] = str(date)
    if texts is not None:
        found["string_set"] = texts
    if file is not None:
        found["file"] = file["path"]
    if histogram is not None:
        found["histogram"] = {
            "type": histogram["type"],
            "edges": [double(edge) for edge in histogram["edges"]],
            "values": [double(value) for value in histogram["values"]],
        }
    return found


reader = {"pyarrow": with_pyarrow, "duckdb": with_duckdb}[sys.argv[1]]
for name in sys.argv[2:]:
    for row in reader(name):
        print(json.dumps(plain(row)))
