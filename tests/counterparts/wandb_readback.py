"""Prints all that W&B projects hold, read by the official API class only, as one JSON object a line.

Usage: wandb_readback.py FOLDER; FOLDER is for downloads. Each line of standard input is a JSON object and asks for a
project: `url` and `api_key` of the server, `path` as ENTITY/PROJECT, and if wanted `filters` and `order` of runs,
`download`: false to leave the contents of files out, `contents`: an expression, files of artifacts whose path it finds
come with their bytes, and `tables`: true, tables in artifacts are read as the SDK's own class has them.

Lines by `kind`: `run`, then `rows` (history, in pieces), `file`, `artifact`, `used`, `console` of that run, after the
runs `collection`, at the end `end` or `error`. Non-finite numbers are what the server answers, texts.
"""

import base64
import datetime
import hashlib
import json
import math
import pathlib
import re
import shutil
import sys
import traceback

import wandb

FOLDER = pathlib.Path(sys.argv[1])
ROWS_PER_PIECE = 10_000
ROWS_PER_PAGE = 50_000
# GraphQL's Int, which the number of samples is.
MAX_PAGE = 2**31 - 1


# The SDK takes over sys.stdout, which makes each write slow.
OUT = open(1, "w", encoding="utf-8", closefd=False)


def tell(kind, **content):
    OUT.write(json.dumps({"kind": kind, **content}, separators=(",", ":")) + "\n")


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def page_size(run):
    """Steps of a page. The SDK pages by steps, whether there are rows or not, so sparse steps need large pages."""
    pages = math.ceil(max(run._attrs["historyLineCount"], 1) / ROWS_PER_PAGE)
    return min(math.ceil((run.lastHistoryStep + 1) / pages), MAX_PAGE)


def tell_history(run):
    size = page_size(run)
    rows = []
    if size > 0:
        for row in run.scan_history(page_size=size, use_cache=False):
            rows.append(row)
            if len(rows) == ROWS_PER_PIECE:
                tell("rows", run=run.id, rows=rows)
                rows = []
    if rows:
        tell("rows", run=run.id, rows=rows)


def tell_files(run, download):
    for file in run.files(per_page=1000):
        found = {"name": file.name, "size": file.size, "md5": file.md5}
        if download:
            # The API opens what it downloads as text, which is left alone here.
            file.download(root=str(FOLDER / "files" / run.id), replace=True).close()
            found["sha256"] = sha256(FOLDER / "files" / run.id / file.name)
        tell("file", run=run.id, **found)


def download_entries(artifact, entries, contents):
    """References are left alone: they are somewhere else."""
    root = str(FOLDER / "artifact")
    if any(entry["ref"] for entry in entries.values()):
        for path, entry in entries.items():
            if entry["ref"] is None:
                artifact.get_entry(path).download(root=root, skip_cache=True)
    else:
        artifact.download(root=root, skip_cache=True)
    for path, entry in entries.items():
        if entry["ref"] is None:
            entry["sha256"] = sha256(pathlib.Path(root, path))
            if contents and re.search(contents, path):
                entry["base64"] = base64.b64encode(pathlib.Path(root, path).read_bytes()).decode()
    shutil.rmtree(root, ignore_errors=True)


def milliseconds(cell):
    """Of a time; another value is as it is."""
    return round(cell.timestamp() * 1000) if isinstance(cell, datetime.datetime) else cell


def tables_of(artifact):
    tables = {}
    for path in artifact.manifest.entries:
        if path.endswith(".table.json"):
            table = artifact.get(path.removesuffix(".table.json"))
            rows = [[milliseconds(cell) for cell in row] for row in table.data]
            tables[path] = {"columns": table.columns, "rows": rows}
    return tables


def tell_artifacts(run, asked):
    download = asked.get("download", True)
    used = [artifact.name for artifact in run.used_artifacts()]
    for artifact in run.logged_artifacts():
        entries = {
            path: {"digest": entry.digest, "size": entry.size, "ref": entry.ref}
            for path, entry in artifact.manifest.entries.items()
        }
        if download:
            download_entries(artifact, entries, asked.get("contents"))
        tell(
            "artifact",
            run=run.id,
            name=artifact.name,
            type=artifact.type,
            aliases=artifact.aliases,
            tags=artifact.tags,
            state=artifact.state,
            digest=artifact.digest,
            description=artifact.description,
            metadata=artifact.metadata,
            size=artifact.size,
            files=sorted(file.name for file in artifact.files()),
            entries=entries,
            tables=tables_of(artifact) if asked.get("tables") else {},
        )
    if used:
        tell("used", run=run.id, artifacts=used)


def tell_run(run, asked):
    # Loads the run whole. One that is listed whole has lost the internal part of its config.
    internal = run.rawconfig.get("_wandb")
    tell(
        "run",
        run=run.id,
        name=run.name,
        group=run.group,
        job_type=run.job_type,
        tags=run.tags,
        notes=run.notes,
        state=run.state,
        config=run.config,
        internal=internal,
        summary=dict(run.summary_metrics),
        created_at=run.created_at,
        last_step=run.lastHistoryStep,
        lines=run._attrs["historyLineCount"],
    )
    tell_history(run)
    tell_files(run, asked.get("download", True))
    tell_artifacts(run, asked)
    console = [line.content for line in run.console_logs()]
    if console:
        tell("console", run=run.id, lines=console)


def tell_collections(api, path):
    for artifact_type in api.artifact_types(path):
        for collection in artifact_type.collections():
            versions = {version.version: version.aliases for version in collection.artifacts()}
            tell("collection", name=collection.name, type=artifact_type.name, versions=versions)


def tell_project(asked):
    api = wandb.Api(overrides={"base_url": asked["url"]}, api_key=asked["api_key"], timeout=60)
    path = asked["path"]
    runs = api.runs(path, filters=asked.get("filters"), order=asked.get("order", "+created_at"))
    count = 0
    for run in runs:
        tell_run(run, asked)
        count += 1
    if "filters" not in asked:
        tell_collections(api, path)
    tell("end", runs=count)


for line in sys.stdin:
    try:
        tell_project(json.loads(line))
    except Exception:
        tell("error", text=traceback.format_exc())
    shutil.rmtree(FOLDER / "files", ignore_errors=True)
    OUT.flush()
