"""The archive's schema in Arrow, and tables with all of its columns."""

import pyarrow as pa

TIME = pa.timestamp("ms", tz="UTC")
SCHEMA = pa.schema(
    [
        ("project_id", pa.string()),
        ("run_id", pa.string()),
        ("attribute_path", pa.string()),
        ("attribute_type", pa.string()),
        ("step", pa.decimal128(18, 6)),
        ("timestamp", TIME),
        ("int_value", pa.int64()),
        ("float_value", pa.float64()),
        ("string_value", pa.string()),
        ("bool_value", pa.bool_()),
        ("datetime_value", TIME),
        ("string_set_value", pa.list_(pa.string())),
        ("file_value", pa.struct([("path", pa.string())])),
        (
            "histogram_value",
            pa.struct([("type", pa.string()), ("edges", pa.list_(pa.float64())), ("values", pa.list_(pa.float64()))]),
        ),
    ]
)


def add_empty_columns(rows, project, kind):
    """Columns that the rows lack hold None."""
    rows["project_id"] = project
    rows["attribute_type"] = kind
    for name in SCHEMA.names:
        if name not in rows:
            rows[name] = None
    return rows
