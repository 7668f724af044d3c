"""Reads a Neptune 2 project back through the official client and compares it, type-exactly, with what is expected.

Usage: neptune2_readback.py FOLDER OPTIONS, with NEPTUNE_API_TOKEN set and TZ=UTC (the client makes times of points in
the zone of the machine). FOLDER is what tests/demo/neptune2-expected.ts writes; OPTIONS is JSON:
`projects`: paths that the server has; `unreadable`: attributes that the client can't ask for, by name; `unopened`: ids
of runs that it can't open; `artifacts`: false if the server has no such service.
Prints one JSON object: how much was compared, and the differences.
"""

import base64
import datetime
import hashlib
import json
import logging
import math
import pathlib
import struct
import sys
import tempfile
import warnings
import zipfile

import neptune
import numpy as np
from neptune import management
from neptune.attributes.attribute import Attribute
from neptune.exceptions import NeptuneException

warnings.simplefilter("ignore")
logging.getLogger("neptune").setLevel(logging.ERROR)

CLIENT_CLASS = {
    "float": "Float",
    "int": "Integer",
    "string": "String",
    "bool": "Boolean",
    "datetime": "Datetime",
    "stringSet": "StringSet",
    "floatSeries": "FloatSeries",
    "stringSeries": "StringSeries",
    "imageSeries": "FileSeries",
    "file": "File",
    "fileSet": "FileSet",
    "artifact": "Artifact",
    "gitRef": "GitRef",
    "experimentState": "RunState",
    "notebookRef": "NotebookRef",
}
STATES = {"running": "Active", "idle": "Inactive"}
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

FOLDER = pathlib.Path(sys.argv[1])
OPTIONS = json.loads(sys.argv[2])
differences = []
compared = {}


def check(kind, where, expected, got):
    """Counts a comparison and keeps a difference. Values are compared by their repr: 1, 1.0 and True differ."""
    compared[kind] = compared.get(kind, 0) + 1
    if repr(expected) != repr(got):
        differences.append({"kind": kind, "where": where, "expected": repr(expected)[:300], "got": repr(got)[:300]})


def doubles(text):
    return np.frombuffer(base64.b64decode(text), dtype="<f8").tolist()


def bits(value):
    """A double as text that tells all doubles apart but NaNs."""
    assert isinstance(value, float), f"{value!r} is no float"
    return "nan" if math.isnan(value) else struct.pack("<d", value).hex()


def milliseconds(moment):
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    # Made from milliseconds as doubles: microseconds may be off by a few.
    return ((moment - EPOCH) // datetime.timedelta(microseconds=1) + 500) // 1000


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


class Container:
    """A run, a model or a version of one, as expected."""

    def __init__(self, content, points):
        self.attributes = {a["name"]: a for a in content["attributes"]}
        for attribute in content["attributes"]:
            if attribute["type"] == "floatSeries":
                columns = [points.read(8 * attribute["count"]) for _ in range(4)]
                attribute["columns"] = [np.frombuffer(column, dtype="<f8").tolist() for column in columns]
        self.id = self.attributes["sys/id"]["value"]
        trashed = self.attributes.get("sys/trashed")
        self.trashed = bool(trashed and trashed["value"])


def load(folder):
    content = json.loads((folder / "expected.json").read_text())
    with open(folder / "points.bin", "rb") as points:
        return content["project"], [Container(one, points) for one in content["runs"]]


def scalar(attribute):
    """Value of a single attribute, in the form of `read_scalar`; None if it is none."""
    kind, value = attribute["type"], attribute.get("value")
    if kind == "float":
        return bits(doubles(value)[0])
    if kind in ("int", "datetime"):
        return int(value)
    if kind == "stringSet":
        return sorted(value)
    return value if kind in ("string", "bool") else None


def read_scalar(kind, value):
    if kind == "float":
        return bits(value)
    if kind == "datetime":
        return milliseconds(value)
    return sorted(value) if kind == "stringSet" else value


def table_value(attribute):
    """What a row of the table tells of an attribute: raw JSON, where NaN is a text."""
    kind = attribute["type"]
    if kind == "float":
        return json_double(doubles(attribute["value"])[0])
    if kind == "floatSeries":
        values = attribute["columns"][2]
        return json_double(values[-1]) if values else None
    if kind == "stringSeries":
        return attribute["values"][-1] if attribute["values"] else None
    if kind == "artifact":
        return attribute["hash"]
    if kind == "experimentState":
        return STATES[attribute["state"]]
    if kind == "gitRef":
        return row_value(attribute, "commit_id")
    if kind == "notebookRef":
        return row_value(attribute, "notebook_name")
    return scalar(attribute)


def row_value(attribute, name):
    return next((value for path, _, value in attribute["rows"] if path.endswith(f"/{name}")), None)


def json_double(value):
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def check_table(kind, rows, expected):
    ids = [row.get_attribute_value("sys/id") for row in rows]
    check(kind, "ids", sorted(one.id for one in expected), sorted(ids))
    by_id = dict(zip(ids, rows))
    for one in expected:
        row = by_id.get(one.id)
        if row is None:
            continue
        for name, attribute in one.attributes.items():
            if attribute["type"] in ("file", "fileSet", "imageSeries", "unknown"):
                continue
            got = row.get_attribute_value(name)
            if attribute["type"] in ("stringSet", "datetime"):
                got = read_scalar(attribute["type"], got)
            check(f"{kind}_value", [one.id, name], table_value(attribute), got)


def flatten(structure):
    for value in structure.values():
        if isinstance(value, dict):
            yield from flatten(value)
        elif isinstance(value, Attribute):
            yield "/".join(value._path), value


def read_container(opened, one, folder):
    """Compares all attributes of an opened container."""
    found = dict(flatten(opened.get_structure()))
    wanted = {name: a for name, a in one.attributes.items() if name not in OPTIONS["unreadable"]}
    names = {name: CLIENT_CLASS[a["type"]] for name, a in wanted.items() if a["type"] in CLIENT_CLASS}
    # Those that the client can't ask for are there under another name.
    got = {name: type(a).__name__ for name, a in found.items() if name in names or not one_unreadable(name)}
    check("structure", one.id, sorted(names.items()), sorted(got.items()))
    for name, attribute in wanted.items():
        where = [one.id, name]
        if name not in found:
            continue
        try:
            read_attribute(found[name], attribute, where, folder)
        except NeptuneException as error:
            check("error", where, None, repr(error))


def one_unreadable(name):
    """Whether this is what the client makes of a name that it can't ask for."""
    return name in {"/".join(part for part in full.split("/") if part) for full in OPTIONS["unreadable"]}


def read_attribute(handle, attribute, where, folder):
    kind = attribute["type"]
    if scalar(attribute) is not None:
        check(kind, where, scalar(attribute), read_scalar(kind, handle.fetch()))
    elif kind in ("floatSeries", "stringSeries"):
        read_series(handle, attribute, where)
    elif kind == "file":
        read_file(handle, attribute, where, folder / "file")
    elif kind == "imageSeries":
        read_images(handle, attribute, where, folder)
    elif kind == "fileSet":
        read_file_set(handle, attribute, where, folder / "set.zip")
    elif kind == "artifact" and OPTIONS["artifacts"]:
        check("artifact_hash", where, attribute["hash"], handle.fetch_hash())
        files = [file.to_dto() for file in handle.fetch_files_list()]
        check("artifact", where, attribute["files"], files)


def read_series(handle, attribute, where):
    kind = attribute["type"]
    if kind == "floatSeries":
        steps, times, values, _ = attribute["columns"]
    else:
        steps, times, values = doubles(attribute["steps"]), doubles(attribute["timestamps"]), attribute["values"]
    table = handle.fetch_values(progress_bar=False)
    if not len(steps):
        check(kind, where, 0, len(table))
        return
    check(f"{kind}_count", where, len(steps), len(table))
    check(f"{kind}_steps", where, [bits(step) for step in steps], [bits(step) for step in table["step"]])
    times_got = [milliseconds(moment.to_pydatetime()) for moment in table["timestamp"]]
    check(f"{kind}_times", where, [int(time) for time in times], times_got)
    form = bits if kind == "floatSeries" else str
    check(kind, where, [form(value) for value in values], [form(value) for value in table["value"]])
    compared[f"{kind}_points"] = compared.get(f"{kind}_points", 0) + len(steps)
    last = handle.fetch_last()
    check(f"{kind}_last", where, form(values[-1]), form(last))


def read_file(handle, attribute, where, target):
    expected = attribute["value"]["sha256"]
    try:
        handle.download(str(target), progress_bar=False)
        got = sha256(target)
    except NeptuneException as error:
        got = None if expected is None else repr(error)
    check("file", where, expected, got)
    check("extension", where, attribute["ext"], handle.fetch_extension())


def read_images(handle, attribute, where, folder):
    target = folder / "images"
    handle.download(str(target), progress_bar=False)
    got = {path.name: sha256(path) for path in target.iterdir()}
    expected = {
        f"{index}.{image['mime'].split('/')[-1]}": image["sha256"] for index, image in enumerate(attribute["values"])
    }
    check("images", where, sorted(expected.items()), sorted(got.items()))
    for path in target.iterdir():
        path.unlink()


def read_file_set(handle, attribute, where, target):
    # To a file and not to a folder: the server may name it as it likes.
    handle.download(str(target), progress_bar=False)
    with zipfile.ZipFile(target) as archive:
        got = [(name, hashlib.sha256(archive.read(name)).hexdigest()) for name in archive.namelist()]
    check("file_set", where, sorted(map(tuple, attribute["members"])), sorted(got))
    listed = [(entry.name, entry.file_type) for entry in handle.list_fileset_files()]
    first = {(name.split("/")[0], "directory" if "/" in name else "file") for name, _ in attribute["members"]}
    check("file_set_listing", where, sorted(first), sorted(listed))


def main():
    project, runs = load(FOLDER)
    _, models = load(FOLDER / "models")
    _, versions = load(FOLDER / "model_versions")
    quiet = {"project": project, "mode": "read-only"}
    check("projects", "", sorted(OPTIONS["projects"]), sorted(management.get_project_list()))
    with neptune.init_project(**quiet) as opened:
        for trashed in (None, False, True):
            expected = [one for one in runs if trashed is None or one.trashed == trashed]
            sort = {"sort_by": "sys/id", "ascending": True, "progress_bar": False}
            check_table("runs", opened.fetch_runs_table(query=None, trashed=trashed, **sort).to_rows(), expected)
            expected = [one for one in models if trashed is None or one.trashed == trashed]
            check_table("models", opened.fetch_models_table(trashed=trashed, **sort).to_rows(), expected)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for one in runs:
            if one.id not in OPTIONS["unopened"]:
                with neptune.init_run(with_id=one.id, **quiet) as opened:
                    read_container(opened, one, folder)
        for one in models:
            with neptune.init_model(with_id=one.id, **quiet) as opened:
                read_container(opened, one, folder)
                own = [v for v in versions if not v.trashed and v.attributes["sys/model_id"]["value"] == one.id]
                check_table("versions", opened.fetch_model_versions_table(progress_bar=False).to_rows(), own)
        for one in versions:
            with neptune.init_model_version(with_id=one.id, **quiet) as opened:
                read_container(opened, one, folder)
    print("\n" + json.dumps({"compared": compared, "differences": differences}))


main()
