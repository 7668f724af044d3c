"""Compares an archive with what a demo server served, type-exactly, as pyarrow reads it. Prints each difference.

usage: archive_check.py EXPECTED_FOLDER DATA_PATH FILES_PATH [--archived] [--previews] [--models | --model_versions]

EXPECTED_FOLDER is what tests/demo/expected.ts or tests/demo/neptune2-expected.ts writes; of the latter, `--models` and
`--model_versions` compare what lies in the subfolder of that name with the archive's part for it.
"""

import base64
import collections
import glob
import hashlib
import json
import os
import struct
import sys
import zipfile
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

LIST_TEXT = pa.list_(pa.string())
LIST_DOUBLE = pa.list_(pa.float64())
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
        ("string_set_value", LIST_TEXT),
        ("file_value", pa.struct([("path", pa.string())])),
        ("histogram_value", pa.struct([("type", pa.string()), ("edges", LIST_DOUBLE), ("values", LIST_DOUBLE)])),
    ]
)
TYPES = {
    "float": ("float", "float_value"),
    "int": ("int", "int_value"),
    "string": ("string", "string_value"),
    "bool": ("bool", "bool_value"),
    "datetime": ("datetime", "datetime_value"),
    "stringSet": ("string_set", "string_set_value"),
    "floatSeries": ("float_series", "float_value"),
    "stringSeries": ("string_series", "string_value"),
    "histogramSeries": ("histogram_series", "histogram_value"),
    "fileRef": ("file", "file_value"),
    "fileRefSeries": ("file_series", "file_value"),
    "file": ("file", "file_value"),
    "imageSeries": ("file_series", "file_value"),
    "fileSet": ("file_set", "file_value"),
    "artifact": ("artifact", "file_value"),
}
SCOPES = ["models", "model_versions"]
VALUE_COLUMNS = [name for name in SCHEMA.names if name.endswith("_value")]


def doubles(text):
    data = base64.b64decode(text)
    return struct.unpack(f"<{len(data) // 8}d", data)


def bits(value):
    """NaN equals NaN, and 0.0 differs from -0.0."""
    return "nan" if value != value else struct.pack("<d", value)


def micro(step):
    return Decimal(step).quantize(Decimal("1.000000"))


class Files:
    def __init__(self, root):
        self.root = os.path.realpath(root)

    def content(self, kind, path):
        """Hash of a file, after a check that it lies below the folder; of a set its members, of an artifact its list."""
        real = os.path.realpath(os.path.join(self.root, path))
        if not real.startswith(self.root + os.sep):
            return f"OUTSIDE {path}"
        if kind == "file_set":
            return self.members(real)
        with open(real, "rb") as file:
            content = file.read()
        if kind == "artifact":
            return json.loads(content) if os.path.basename(real) == "files_list.json" else f"NAMED {path}"
        return hashlib.sha256(content).hexdigest()

    def members(self, folder):
        """The path of a set is a folder with one zip and nothing else; zips may differ, their members may not."""
        names = os.listdir(folder)
        if len(names) != 1:
            return f"{len(names)} FILES IN {folder}"
        with zipfile.ZipFile(os.path.join(folder, names[0])) as archive:
            return sorted((name, hashlib.sha256(archive.read(name)).hexdigest()) for name in archive.namelist())


def expected_rows(run, points, previews):
    """(type, step, timestamp, value) by attribute; values in the form of `archive_rows`."""
    rows = {}
    for attribute in run["attributes"]:
        name, kind = attribute["name"], attribute["type"]
        if kind == "floatSeries":
            rows[name] = float_rows(attribute["count"], points, previews)
        for path, type_, value in attribute.get("rows", []):
            # Neptune 2's references, which the archive has as single values.
            rows[path] = [(type_, None, None, sorted(value) if type_ == "string_set" else value)]
        if kind not in TYPES or kind == "floatSeries":
            continue
        if kind == "imageSeries":
            # Their step is the index, and there is no time, as in archives of the official exporter.
            hashes = [image["sha256"] for image in attribute["values"]]
            rows[name] = [("file_series", Decimal(index), None, found) for index, found in enumerate(hashes)]
        elif kind == "fileSet":
            rows[name] = [("file_set", None, None, sorted(map(tuple, attribute["members"])))]
        elif kind == "artifact":
            rows[name] = [("artifact", None, None, attribute["files"])]
        elif "steps" in attribute:
            steps, times = doubles(attribute["steps"]), doubles(attribute["timestamps"])
            values = [point_value(kind, value) for value in attribute["values"]]
            rows[name] = [(TYPES[kind][0], micro(s), int(t), v) for s, t, v in zip(steps, times, values)]
        else:
            rows[name] = [(TYPES[kind][0], None, None, scalar_value(kind, attribute["value"]))]
    return {name: found for name, found in rows.items() if found}


def float_rows(count, points, previews):
    columns = [struct.unpack(f"<{count}d", points.read(8 * count)) for _ in range(4)]
    return [
        ("float_series", micro(step), int(time), bits(value))
        for step, time, value, completion in zip(*columns)
        if previews or completion != completion
    ]


def scalar_value(kind, value):
    if kind == "float":
        return bits(doubles(value)[0])
    if kind in ("int", "datetime"):
        return int(value)
    if kind == "stringSet":
        return sorted(value)
    return value["sha256"] if kind in ("fileRef", "file") else value


def point_value(kind, value):
    if kind == "histogramSeries":
        return (value[0], [bits(x) for x in doubles(value[1])], [bits(x) for x in doubles(value[2])])
    return value["sha256"] if kind == "fileRefSeries" else value


def archive_rows(table, files, problems):
    rows = collections.defaultdict(list)
    table = table.set_column(5, "timestamp", table["timestamp"].cast(pa.int64()))
    table = table.set_column(10, "datetime_value", table["datetime_value"].cast(pa.int64()))
    columns = {kind: column for kind, column in TYPES.values()}
    for row in table.to_pylist():
        kind = row["attribute_type"]
        column = columns[kind]
        for other in VALUE_COLUMNS:
            if other != column and row[other] is not None:
                problems.append(f"{row['attribute_path']!r} of type {kind} also has a {other}")
        value = row[column]
        if kind in ("float", "float_series"):
            value = None if value is None else bits(value)
        elif kind == "string_set":
            value = sorted(value)
        elif kind == "histogram_series":
            value = (value["type"], [bits(x) for x in value["edges"]], [bits(x) for x in value["values"]])
        elif column == "file_value":
            path = value and value["path"]
            value = None if path is None else files.content(kind, path)
        rows[row["attribute_path"]].append((kind, row["step"], row["timestamp"], value))
    return rows


def compare(run_id, expected, found, problems):
    for name in expected.keys() | found.keys():
        want, have = expected.get(name, []), found.get(name, [])
        have = sorted(have, key=lambda row: (row[1] is None, row[1] or 0))
        if want != have:
            different = [(w, h) for w, h in zip(want, have) if w != h][:2]
            text = f"run {run_id!r}, {name!r}: {len(want)} rows expected, {len(have)} found; {different}"
            problems.append(text[:600])


def main():
    folder, data, files_path = sys.argv[1:4]
    archived, previews = "--archived" in sys.argv, "--previews" in sys.argv
    scope = [name for name in SCOPES if f"--{name}" in sys.argv]
    folder = os.path.join(folder, *scope)
    problems = []
    with open(os.path.join(folder, "expected.json"), encoding="utf-8") as file:
        project = json.load(file)
    id_attribute = project.get("idAttribute", "sys/custom_run_id")
    tables = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(data), "*", *scope, "*.parquet"))):
        if not pq.read_schema(path).remove_metadata().equals(SCHEMA, check_metadata=False):
            problems.append(f"schema of {path}: {pq.read_schema(path)}")
            continue
        table = pq.ParquetFile(path).read()
        ids = set(zip(table["project_id"].to_pylist(), table["run_id"].to_pylist()))
        if len(ids) > 1:
            problems.append(f"{path} has rows of {ids}")
        for ident in ids:
            tables.setdefault(ident, []).append(table)
    disk = [name for name in os.listdir(data) if os.path.isdir(os.path.join(data, name))]
    with open(os.path.join(folder, "points.bin"), "rb") as points:
        for run in project["runs"]:
            values = {a["name"]: a.get("value") for a in run["attributes"]}
            run_id = values[id_attribute]
            expected = expected_rows(run, points, previews)
            parts = tables.pop((project["project"], run_id), None)
            if run.get("hidden", values.get("sys/archived") is True) and not archived:
                if parts is not None:
                    problems.append(f"the archived run {run_id!r} is there")
                continue
            if parts is None:
                problems.append(f"run {run_id!r} is missing")
                continue
            found = {}
            for name in disk:
                root = os.path.join(files_path, name)
                found = archive_rows(pa.concat_tables(parts), Files(root), problems)
                break
            compare(run_id, expected, found, problems)
    problems += [f"unexpected run {ident}" for ident in tables]
    print("\n".join(problems))
    sys.exit(1 if problems else 0)


main()
