"""Reads a project back through the official client and compares it, type-exactly, with what is expected.

Usage: neptune_query_readback.py FOLDER, with NEPTUNE_API_TOKEN set. FOLDER holds expected.json and points.bin
(tests/demo/expected.ts says what is in them). Prints one JSON object: how much was compared, and the differences.
"""

import base64
import datetime
import hashlib
import json
import math
import pathlib
import struct
import sys
import tempfile

import neptune_query.runs as nq
import numpy as np
import pandas as pd
from neptune_query.filters import AttributeFilter
from neptune_query.types import File, Histogram

CLIENT_TYPE = {
    "float": "float",
    "int": "int",
    "string": "string",
    "bool": "bool",
    "datetime": "datetime",
    "stringSet": "string_set",
    "floatSeries": "float_series",
    "stringSeries": "string_series",
    "histogramSeries": "histogram_series",
    "fileRef": "file",
    "fileRefSeries": "file_series",
}
SCALARS = ["float", "int", "string", "bool", "datetime", "string_set", "file"]
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

differences = []
compared = {}


def check(kind, where, expected, got):
    """Counts a comparison and keeps a difference. Values are compared by their repr: 1, 1.0 and True differ."""
    compared[kind] = compared.get(kind, 0) + 1
    if repr(expected) != repr(got):
        differences.append({"kind": kind, "where": where, "expected": repr(expected)[:300], "got": repr(got)[:300]})


def doubles(text):
    return np.frombuffer(base64.b64decode(text), dtype="<f8")


def bits(value):
    """A double as text that tells all doubles apart but NaNs."""
    assert isinstance(value, float), f"{value!r} is no float"
    return "nan" if math.isnan(value) else struct.pack("<d", value).hex()


def milliseconds(moment):
    """The client divides milliseconds by 1000 as doubles, so microseconds may be off by a few."""
    microseconds = (moment.astimezone(datetime.timezone.utc) - EPOCH) // datetime.timedelta(microseconds=1)
    return (microseconds + 500) // 1000


class Run:
    def __init__(self, content, points):
        self.attributes = {(a["name"], CLIENT_TYPE[a["type"]]): a for a in content if a["type"] in CLIENT_TYPE}
        for attribute in content:
            if attribute["type"] == "floatSeries":
                count = attribute["count"]
                attribute["columns"] = [points.pop(count) for _ in range(4)]
        values = {a["name"]: a.get("value") for a in content}
        self.id = values["sys/custom_run_id"]
        self.parent = values.get("sys/forking/parent")
        self.fork_step = doubles(values["sys/forking/step"])[0] if self.parent is not None else None

    def of_type(self, kind):
        return {name: a for (name, type_), a in self.attributes.items() if type_ == kind}


class Points:
    """Takes doubles off the front of points.bin."""

    def __init__(self, path):
        self.values = np.fromfile(path, dtype="<f8")
        self.at = 0

    def pop(self, count):
        self.at += count
        return self.values[self.at - count : self.at]


def scalar(type_, value):
    """A value of the client in the form of expected.json."""
    value = value.item() if isinstance(value, np.generic) else value
    if type_ == "float":
        return bits(value)
    if type_ == "int":
        return str(value) if type(value) is int else repr(value)
    if type_ == "datetime":
        return str(milliseconds(value))
    if type_ == "string_set":
        return sorted(value)
    if type_ == "file":
        return [value.path, value.size_bytes, value.mime_type]
    return value


def expected_scalar(type_, attribute):
    value = attribute["value"]
    if type_ == "float":
        return bits(float(doubles(value)[0]))
    if type_ == "string_set":
        return sorted(value)
    if type_ == "file":
        return [value["path"], value["size"], value["mime"]]
    return value


def check_listing(project, runs):
    check("runs", project, sorted(r.id for r in runs), sorted(nq.list_runs(project=project)))
    names = {name for r in runs for name, _ in r.attributes}
    check("names", project, sorted(names), nq.list_attributes(project=project))
    for run in runs:
        own = sorted({name for name, _ in run.attributes})
        check("names", run.id, own, nq.list_attributes(project=project, runs=[run.id]))


def check_table(project, run):
    """One run at a time, since pandas makes floats of an integer column with a gap."""
    table = nq.fetch_runs_table(
        project=project, runs=[run.id], attributes=AttributeFilter(type=SCALARS), type_suffix_in_column_names=True
    )
    check("rows", run.id, [run.id], list(table.index))
    expected = {f"{n}:{t}": (t, a) for (n, t), a in run.attributes.items() if t in SCALARS}
    check("columns", run.id, sorted(expected), list(table.columns))
    for column, (type_, attribute) in expected.items():
        if column in table.columns:
            got = scalar(type_, table[column].iloc[0])
            check(type_, [run.id, column], expected_scalar(type_, attribute), got)


def check_projection(project, runs):
    """The table of all runs at once, with exact names: the client takes another way to it."""
    table = nq.fetch_runs_table(project=project, attributes=["sys/id", "sys/name"], sort_by="sys/id", sort_direction="asc")
    by_id = {r.id: r.of_type("string") for r in runs}
    expected = sorted((a["sys/id"]["value"], id_, a.get("sys/name", {}).get("value")) for id_, a in by_id.items())
    got = [
        (row["sys/id"], label, row.get("sys/name") if isinstance(row.get("sys/name"), str) else None)
        for label, row in table.iterrows()
    ]
    check("projection", project, expected, got)


def series_of(table, name, run_id, fields):
    """Points of one series out of the client's pivot table, as lists [step, *fields]."""
    if name not in table.columns.get_level_values(0):
        return []
    part = table.loc[run_id][name]
    part = part[part["absolute_time"].notna()]
    return list(zip(part.index, *(part[field] for field in fields)))


def float_rows(steps, timestamps, values):
    return [(bits(float(s)), int(t), bits(float(v))) for s, t, v in zip(steps, timestamps, values)]


def check_float_series(project, run, previews, by_names):
    expected = run.of_type("float_series")
    attributes = list(expected) if by_names else ".*"
    if not expected:
        return
    table = nq.fetch_metrics(
        project=project,
        runs=[run.id],
        attributes=attributes,
        include_time="absolute",
        lineage_to_the_root=False,
        include_point_previews=previews,
    )
    for name, attribute in expected.items():
        steps, timestamps, values, completions = attribute["columns"]
        keep = np.full(len(steps), True) if previews else np.isnan(completions)
        wanted = float_rows(steps[keep], timestamps[keep], values[keep])
        got = [
            (bits(float(s)), t.value // 1_000_000, bits(float(v)))
            for s, t, v in series_of(table, name, run.id, ["absolute_time", "value"])
        ]
        check("float_series", [run.id, name], wanted, got)
        compared["float_points"] = compared.get("float_points", 0) + len(got)
        if previews:
            wanted = [(bool(not math.isnan(c)), np.float32(0 if math.isnan(c) else c).item()) for c in completions]
            got = [
                (bool(p), float(c))
                for _, p, c in series_of(table, name, run.id, ["is_preview", "preview_completion"])
            ]
            check("previews", [run.id, name], wanted, got)


def object_value(type_, value):
    if type_ == "string_series":
        assert type(value) is str
        return value
    if type_ == "histogram_series":
        assert isinstance(value, Histogram)
        return [value.type, [bits(v) for v in value.edges], [bits(v) for v in value.values]]
    assert isinstance(value, File)
    return [value.path, value.size_bytes, value.mime_type]


def expected_object(type_, value):
    if type_ == "histogram_series":
        return [value[0], [bits(float(v)) for v in doubles(value[1])], [bits(float(v)) for v in doubles(value[2])]]
    return value if type_ == "string_series" else [value["path"], value["size"], value["mime"]]


def check_object_series(project, run):
    """@returns the files of the file series with the hash of their content"""
    files = []
    table = None
    for type_ in ("string_series", "histogram_series", "file_series"):
        for name, attribute in run.of_type(type_).items():
            if table is None:
                table = nq.fetch_series(
                    project=project,
                    runs=[run.id],
                    attributes=AttributeFilter(type=["string_series", "histogram_series", "file_series"]),
                    include_time="absolute",
                    lineage_to_the_root=False,
                )
            times = [int(t) for t in doubles(attribute["timestamps"])]
            steps = [bits(float(s)) for s in doubles(attribute["steps"])]
            wanted = list(zip(steps, times, (expected_object(type_, v) for v in attribute["values"])))
            points = series_of(table, name, run.id, ["absolute_time", "value"])
            got = [(bits(float(s)), t.value // 1_000_000, object_value(type_, v)) for s, t, v in points]
            check(type_, [run.id, name], wanted, got)
            compared[f"{type_}_points"] = compared.get(f"{type_}_points", 0) + len(got)
            if type_ == "file_series":
                files += [(point[2], value["sha256"]) for point, value in zip(points, attribute["values"])]
    return files


def single_files(project, run):
    expected = run.of_type("file")
    if not expected:
        return []
    table = nq.fetch_runs_table(
        project=project, runs=[run.id], attributes=AttributeFilter(type="file"), type_suffix_in_column_names=True
    )
    return [(table[f"{name}:file"].iloc[0], attribute["value"]["sha256"]) for name, attribute in expected.items()]


def check_downloads(files, folder):
    """Each into a folder of its own: the client gives files of names that differ in one sign the same path."""
    for number, (file, sha256) in enumerate(files):
        target = folder / str(number)
        target.mkdir()
        path = nq.download_files(files=file, destination=target).iloc[0, 0]
        got = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest() if path is not None and path == path else None
        check("download", [file.run_id, file.attribute_path, file.step], sha256, got)


def check_lineage(project, runs):
    """Series of forks up to the root, worked out from the runs' own points."""
    by_id = {r.id: r for r in runs}

    def whole(run, name):
        attribute = run.of_type("float_series").get(name)
        own = list(zip(attribute["columns"][0], attribute["columns"][2])) if attribute else []
        parent = by_id.get(run.parent)
        return ([p for p in whole(parent, name) if p[0] <= run.fork_step] if parent else []) + own

    for run in runs:
        if run.parent is None:
            continue
        names = sorted(run.of_type("float_series"))[:3]
        table = nq.fetch_metrics(project=project, runs=[run.id], attributes=names, lineage_to_the_root=True)
        for name in names:
            part = table.loc[run.id][name].dropna()
            wanted = [(bits(float(s)), bits(float(v))) for s, v in whole(run, name) if not math.isnan(v)]
            got = [(bits(float(s)), bits(float(v))) for s, v in part.items()]
            check("lineage", [run.id, name], wanted, got)


def main():
    folder = pathlib.Path(sys.argv[1])
    content = json.loads((folder / "expected.json").read_text("utf-8"))
    points = Points(folder / "points.bin")
    runs = [Run(r["attributes"], points) for r in content["runs"]]
    project = content["project"]
    check("points.bin", "all read", len(points.values), points.at)

    check_listing(project, runs)
    check_projection(project, runs)
    check_lineage(project, runs)
    with tempfile.TemporaryDirectory() as downloads:
        files = []
        for number, run in enumerate(runs):
            check_table(project, run)
            # Both ways that the client has to points: by run and attribute names, and through a search.
            check_float_series(project, run, previews=False, by_names=number % 2 == 0)
            if any(not np.isnan(a["columns"][3]).all() for a in run.of_type("float_series").values()):
                check_float_series(project, run, previews=True, by_names=False)
            files += check_object_series(project, run) + single_files(project, run)
        check_downloads(files, pathlib.Path(downloads))

    print(json.dumps({"compared": compared, "differences": differences[:20], "count": len(differences)}))


if __name__ == "__main__":
    pd.set_option("display.width", 200)
    main()
