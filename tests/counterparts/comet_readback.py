"""Prints all that a Comet workspace or project holds, read by the official API class only, as one JSON object a line.

Usage: comet_readback.py FOLDER; FOLDER is for downloads. Each line of standard input is a JSON object and asks for
experiments: `url` (root) and `api_key` of the server, `workspace`, and if wanted `project`, `keys` of experiments,
`archived`: true for archived ones in place of the others, `assets`: "hash" or "bytes" to download them, too, and
`direct`: true to download them from storage when the server redirects there.

Lines by `kind`: `experiment`, then `metric` and `asset` of that experiment, at the end `end` or `error`. All numbers of
metrics are texts.
"""

import base64
import hashlib
import json
import os
import pathlib
import sys
import traceback

import comet_ml

FOLDER = pathlib.Path(sys.argv[1])
OUT = open(1, "w", encoding="utf-8", closefd=False)


def tell(kind, **content):
    OUT.write(json.dumps({"kind": kind, **content}, separators=(",", ":")) + "\n")


def text(value):
    return None if value is None else str(value)


def tell_metrics(experiment):
    columns = {}
    for point in experiment.get_metrics():
        name = point["metricName"]
        if name not in columns:
            columns[name] = {"context": point["runContext"], "values": [], "steps": [], "epochs": [], "timestamps": []}
        metric = columns[name]
        metric["values"].append(text(point["metricValue"]))
        metric["steps"].append(text(point["step"]))
        metric["epochs"].append(text(point["epoch"]))
        metric["timestamps"].append(text(point["timestamp"]))
    for name, metric in columns.items():
        tell("metric", name=name, **metric)


def download(api, experiment, asset, direct):
    if not direct:
        return experiment.get_asset(asset["assetId"])
    path = FOLDER / asset["assetId"]
    api.download_experiment_asset(experiment.key, asset["assetId"], str(path))
    content = path.read_bytes()
    path.unlink()
    return content


def tell_assets(api, experiment, asked):
    wanted = asked.get("assets")
    for asset in experiment.get_asset_list():
        found = {
            "id": asset["assetId"],
            "name": asset["fileName"],
            "type": asset["type"],
            "step": text(asset["step"]),
            "epoch": text(asset["epoch"]),
            "context": asset["runContext"],
            "size": asset["fileSize"],
            "metadata": asset["metadata"],
            "link": asset["link"] if asset["remote"] else None,
        }
        if wanted and not asset["remote"]:
            content = download(api, experiment, asset, asked.get("direct", False))
            found["sha256"] = hashlib.sha256(content).hexdigest()
            if wanted == "bytes":
                found["base64"] = base64.b64encode(content).decode()
        tell("asset", **found)


def tell_experiment(api, experiment, asked):
    metadata = experiment.get_metadata()
    tell(
        "experiment",
        key=experiment.key,
        name=metadata["experimentName"],
        workspace=metadata["workspaceName"],
        project=metadata["projectName"],
        state=experiment.get_state(),
        archived=metadata["archived"],
        start_time=metadata["startTimeMillis"],
        end_time=metadata["endTimeMillis"],
        params={param["name"]: param["valueCurrent"] for param in experiment.get_parameters_summary()},
        others={other["name"]: other["valueCurrent"] for other in experiment.get_others_summary()},
        tags=experiment.get_tags(),
        summary={metric["name"]: metric for metric in experiment.get_metrics_summary()},
        system={name: value for name, value in experiment.get_system_details().items() if value is not None},
        git=experiment.get_git_metadata(),
        html=experiment.get_html(),
        output=experiment.get_output(),
        graph=experiment.get_model_graph(),
    )
    tell_metrics(experiment)
    tell_assets(api, experiment, asked)


def experiments(api, asked):
    if "keys" in asked:
        return [api.get_experiment_by_key(key) for key in asked["keys"]]
    read = api.get_archived_experiments if asked.get("archived") else api.get_experiments
    return read(asked["workspace"], project_name=asked.get("project"))


def tell_all(asked):
    os.environ["COMET_URL_OVERRIDE"] = asked["url"] + "/clientlib/"
    api = comet_ml.API(api_key=asked["api_key"], cache=False)
    count = 0
    for experiment in experiments(api, asked):
        if experiment is not None:
            tell_experiment(api, experiment, asked)
            count += 1
    tell("end", experiments=count)


for line in sys.stdin:
    try:
        tell_all(json.loads(line))
    except Exception:
        tell("error", text=traceback.format_exc())
    OUT.flush()
