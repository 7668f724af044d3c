# Reads everything that MLflow's own client sees of the experiments of a prefix, as exact JSON on standard output.
#
# usage: mlflow_readback.py TRACKING_URI NAME_PREFIX [--artifacts]
#        mlflow_readback.py --serve      a JSON array of these arguments a line, and an `{"answer": …}` a line
#
# Steps, times and values are in Python's repr, so that NaN, int64 and every double arrive as they are. With --artifacts
# all files are downloaded through the client, each given with its size, SHA-256 and, if it is short, its text.

import hashlib
import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")

from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import ViewType  # noqa: E402

TEXT_LIMIT = 200_000


def pages(call):
    token = None
    while True:
        page = call(token)
        yield from page
        token = page.token
        if not token:
            return


def history(client, run_id, key):
    points = client.get_metric_history(run_id, key)
    return [[repr(point.step), repr(point.timestamp), repr(point.value)] for point in points]


def artifacts(client, run_id):
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        root = client.download_artifacts(run_id, "", folder)
        for directory, _, names in os.walk(root):
            for name in names:
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, root)] = describe(file.read())
    return found


def describe(content):
    entry = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    if len(content) <= TEXT_LIMIT:
        try:
            entry["text"] = content.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return entry


def read_run(client, run, with_artifacts):
    data = {
        "id": run.info.run_id,
        "name": run.info.run_name,
        "status": run.info.status,
        "start": run.info.start_time,
        "end": run.info.end_time,
        "lifecycle": run.info.lifecycle_stage,
        "user": run.info.user_id,
        "params": dict(run.data.params),
        "tags": dict(run.data.tags),
        "metrics": {key: history(client, run.info.run_id, key) for key in run.data.metrics},
    }
    if with_artifacts:
        data["artifacts"] = artifacts(client, run.info.run_id)
    return data


def read(uri, prefix, with_artifacts):
    client = MlflowClient(uri)
    result = []
    for experiment in pages(lambda token: client.search_experiments(page_token=token, view_type=ViewType.ALL)):
        if not experiment.name.startswith(prefix):
            continue
        runs = pages(
            lambda token: client.search_runs([experiment.experiment_id], page_token=token, run_view_type=ViewType.ALL)
        )
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda run: read_run(client, run, with_artifacts), runs))
        result.append({"name": experiment.name, "tags": dict(experiment.tags), "runs": found})
    return result


def answer(arguments):
    uri, prefix = arguments[:2]
    return read(uri, prefix, "--artifacts" in arguments)


def serve():
    # What libraries print must not get between the answers.
    out, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        try:
            text = json.dumps({"answer": answer(json.loads(line))})
        except Exception as error:
            text = json.dumps({"error": repr(error)})
        print(text, file=out, flush=True)


if sys.argv[1:] == ["--serve"]:
    serve()
else:
    print(json.dumps(answer(sys.argv[1:])))
