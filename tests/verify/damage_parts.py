"""Writes damaged copies of a part, each as a writer of parquet files would have written the damage.

    python damage_parts.py <part> <folder>

Makes `<folder>/<kind>.parquet` for each kind, and prints the kinds as JSON: kind to the codes that must be told.
"""

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

part, folder = Path(sys.argv[1]), Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
source = pq.ParquetFile(part)
groups = [source.read_row_group(index) for index in range(source.num_row_groups)]
schema = groups[0].schema
KINDS = {}


def write(kind, codes, tables, **options):
    KINDS[kind] = codes
    with pq.ParquetWriter(folder / f"{kind}.parquet", tables[0].schema, compression="snappy", **options) as writer:
        for table in tables:
            writer.write_table(table)


def rows_of(table, name, value):
    return pc.equal(table.column(name), value)


def replaced(table, name, where, value):
    """The table with another value in a column, in the rows that a function of the table picks."""
    index = table.schema.get_field_index(name)
    field = table.schema.field(index)
    values = table.column(name).to_pylist()
    for row, hit in enumerate(where(table).to_pylist()):
        if hit:
            values[row] = value
    return table.set_column(index, field, pa.array(values, type=field.type))


def everywhere(name, where, value):
    assert any(pc.any(where(table)).as_py() for table in groups), "nothing to damage"
    return [replaced(table, name, where, value) for table in groups]


def of_type(kind):
    return lambda table: rows_of(table, "attribute_type", kind)


def of_path(path):
    return lambda table: rows_of(table, "attribute_path", path)


def dropped(where):
    return [table.filter(pc.invert(where(table))) for table in groups]


def first_row(where):
    """The first row that is picked, as a table."""
    for table in groups:
        found = table.filter(where(table))
        if found.num_rows:
            return found.slice(0, 1)
    raise SystemExit("nothing to damage")


# Nothing of this is damage: other writers, other row groups, other orders of rows that nothing depends on.
write("fine_one_group", [], [pa.concat_tables(groups)])
write("fine_small_pages", [], groups, data_page_size=200, write_batch_size=16)
write("fine_version_1", [], groups, version="1.0", data_page_version="1.0")
write("fine_pages_2", [], groups, data_page_version="2.0")
write("fine_no_dictionary", [], groups, use_dictionary=False)
write("fine_no_statistics", [], groups, write_statistics=False)
write("fine_checksums", [], groups, write_page_checksum=True)
write("fine_page_index", [], groups, write_page_index=True)
write("fine_split", [], [table.slice(at, 100) for table in groups for at in range(0, table.num_rows, 100)])
write("fine_empty_group", [], [groups[0].slice(0, 0), *groups, groups[0].slice(0, 0)])

write("no_sys", ["no_sys_attributes"], dropped(lambda table: pc.starts_with(table.column("attribute_path"), "sys/")))
write("unknown_type", ["unknown_type"], everywhere("attribute_type", of_path("config/lr"), "complex"))
write("no_type", ["part_unreadable"], everywhere("attribute_type", of_path("config/lr"), None))
write("no_path", ["part_unreadable"], everywhere("attribute_path", of_path("config/lr"), None))
write("no_run", ["part_unreadable"], everywhere("run_id", of_path("config/lr"), None))
write("other_run", ["ids_differ"], everywhere("run_id", of_path("config/lr"), "RUN-2"))
write("other_project", ["ids_differ"], everywhere("project_id", of_path("config/lr"), "team/other"))
write("wrong_column", ["value_in_wrong_column"], everywhere("int_value", of_path("config/lr"), 5))
write("wrong_column_text", ["value_in_wrong_column"], everywhere("string_value", of_type("float_series"), "x"))
write("wrong_column_tags", ["value_in_wrong_column"], everywhere("string_set_value", of_type("float_series"), ["x"]))
write("wrong_column_no_tags", ["value_in_wrong_column"], everywhere("string_set_value", of_path("config/lr"), []))
write("wrong_column_bool", ["value_in_wrong_column"], everywhere("bool_value", of_type("string"), False))
write("wrong_column_time", ["value_in_wrong_column"], everywhere("datetime_value", of_path("config/lr"), 5))
histogram = {"type": "COUNTING", "edges": [0.0, 1.0], "values": [1.0]}
write("wrong_column_histogram", ["value_in_wrong_column"], everywhere("histogram_value", of_path("config/lr"), histogram))
write("type_of_another", ["value_in_wrong_column"], everywhere("attribute_type", of_path("config/lr"), "int"))
write("step_of_a_value", ["value_in_wrong_column"], everywhere("step", of_path("config/lr"), 1))
write("time_of_a_value", ["value_in_wrong_column"], everywhere("timestamp", of_path("config/lr"), 1))
write("no_step", ["step_missing"], everywhere("step", of_path("train/loss"), None))
write("repeated_value", ["repeated_attribute"], [*groups, first_row(of_path("config/lr"))])
write("repeated_group", ["repeated_attribute"], [groups[0], *groups])
write("repeated_points", ["steps_out_of_order"], [*groups, groups[-1].filter(of_type("float_series")(groups[-1]))])
write("repeated_point", ["steps_out_of_order"], [*groups, first_row(of_type("float_series"))])
points = groups[-1].num_rows
backwards = groups[-1].take(pa.array(range(points - 1, -1, -1)))
write("backwards", ["steps_out_of_order"], [*groups[:-1], backwards])
wrong_schema = schema.set(schema.get_field_index("step"), pa.field("step", pa.float64()))
write("step_is_a_double", ["part_unreadable"], [table.cast(wrong_schema) for table in groups])
write("column_is_missing", ["part_unreadable"], [table.drop_columns(["bool_value"]) for table in groups])
write("column_too_many", ["part_unreadable"], [table.append_column("x", table.column("run_id")) for table in groups])
write("column_renamed", ["part_unreadable"], [table.rename_columns(["x", *schema.names[1:]]) for table in groups])
write("tag_is_null", ["part_unreadable"], everywhere("string_set_value", of_type("string_set"), [None]))

print(json.dumps(KINDS))
