# Reads everything that ZenML's own client sees of the models of a project.
#
# A JSON question a line, `{"config": folder, "project"?, "stack"?, "environment"?, "prefix"?, "load"?}`, and an answer a
# line. The folder is what `zenml login` leaves; the active project and stack are the folder's unless told. `load` loads
# all artifacts, as users do. Whole numbers stay exact; numbers that aren't finite are texts.

import hashlib
import json
import logging
import math
import os
import pathlib
import shutil
import sys
import tempfile

# Copies of artifacts land here; the folder is emptied after each answer.
SCRATCH = os.path.join(os.getcwd(), "scratch")
os.makedirs(SCRATCH, exist_ok=True)
os.environ["TMPDIR"] = tempfile.tempdir = SCRATCH

# Without Google's own credentials it warns of each file that it opens.
logging.getLogger("gcsfs").setLevel(logging.ERROR)

TEXT_LIMIT = 200_000
ENVIRONMENT = dict(os.environ)


# Settings of one configuration stay in the client's singletons. The client also writes what is active into the
# configuration, even what a variable says, so it works on a copy.
def client_of(question):
    config = os.path.join(SCRATCH, "config")
    os.mkdir(config)
    for name in ("config.yaml", "credentials.yaml"):
        if os.path.exists(os.path.join(question["config"], name)):
            shutil.copy(os.path.join(question["config"], name), config)
    active = {f"ZENML_ACTIVE_{name.upper()}_ID": question[name] for name in ("project", "stack") if question.get(name)}
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    os.environ.update({"ZENML_CONFIG_PATH": config, "ZENML_LOCAL_STORES_PATH": f"{question['config']}/local_stores"})
    os.environ.update({**(question.get("environment") or {}), **active})

    from zenml.client import Client
    from zenml.config.global_config import GlobalConfiguration
    from zenml.login.credentials_store import CredentialsStore

    CredentialsStore._clear(None)
    GlobalConfiguration._reset_instance()
    Client._reset_instance()
    return Client()


def pages(call, **arguments):
    page = 1
    while True:
        found = call(page=page, size=500, sort_by="asc:created", **arguments)
        yield from found.items
        if page >= found.total_pages:
            return
        page += 1


def exact(value):
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): exact(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [exact(entry) for entry in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def metadata_of(entity):
    values = dict(entity.run_metadata)
    return {"metadata": exact(values), "types": {key: type(value).__name__ for key, value in values.items()}}


def tags_of(entity):
    return sorted(tag.name for tag in entity.tags)


def describe(content):
    entry = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    if len(content) <= TEXT_LIMIT:
        try:
            entry["text"] = content.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return entry


def describe_loaded(value):
    if isinstance(value, pathlib.Path):
        if value.is_file():
            return {"kind": "file", "name": value.name, **describe(value.read_bytes())}
        files = (path for path in sorted(value.rglob("*")) if path.is_file())
        return {"kind": "folder", "files": {str(path.relative_to(value)): describe(path.read_bytes()) for path in files}}
    if isinstance(value, bytes):
        return {"kind": "bytes", **describe(value)}
    return {"kind": type(value).__name__, "value": exact(value)}


def load(artifact):
    try:
        return describe_loaded(artifact.load())
    except Exception as error:
        return {"kind": "error", "error": repr(error)}


def read_artifact(artifact, with_content):
    entry = {
        "id": str(artifact.id),
        "name": artifact.artifact.name,
        "version": artifact.version,
        "type": str(artifact.type),
        "save_type": str(artifact.save_type),
        "uri": artifact.uri,
        "materializer": artifact.materializer.import_path,
        "data_type": artifact.data_type.import_path,
        "store": str(artifact.artifact_store_id),
        "tags": tags_of(artifact),
        "visualizations": [[str(each.type), each.uri] for each in artifact.visualizations or []],
        **metadata_of(artifact),
    }
    return {**entry, "loaded": load(artifact)} if with_content else entry


def read_version(client, model, version, with_content):
    links = pages(client.list_model_version_artifact_links, model_version_id=version.id, hydrate=True)
    # What a link holds of its artifact isn't all.
    artifacts = [client.get_artifact_version(link.artifact_version.id) for link in links]
    return {
        "id": str(version.id),
        "name": version.name,
        "number": version.number,
        "stage": version.stage,
        "description": version.description,
        "tags": tags_of(version),
        "user": version.user.name if version.user else None,
        **metadata_of(version),
        "artifacts": [read_artifact(artifact, with_content) for artifact in artifacts],
    }


def read_model(client, model, with_content):
    versions = pages(client.list_model_versions, model=model.id, hydrate=True)
    return {
        "id": str(model.id),
        "name": model.name,
        "description": model.description,
        "tags": tags_of(model),
        "versions": [read_version(client, model, version, with_content) for version in versions],
    }


def answer(question):
    client = client_of(question)
    prefix = question.get("prefix") or ""
    models = [model for model in pages(client.list_models, hydrate=True) if model.name.startswith(prefix)]
    return {
        "project": client.active_project.name,
        "stack": client.active_stack_model.name,
        "models": [read_model(client, model, question.get("load", True)) for model in models],
    }


# What libraries print must not get between the answers; some also replace print().
out, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    try:
        text = json.dumps({"answer": answer(json.loads(line))})
    except Exception as error:
        text = json.dumps({"error": repr(error)})
    shutil.rmtree(SCRATCH)
    os.mkdir(SCRATCH)
    out.write(f"{text}\n")
    out.flush()
