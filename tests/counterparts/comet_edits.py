"""Writes, edits, archives and deletes on a Comet server through the official API class, and prints, as JSON, what it saw.

Usage: comet_edits.py FOLDER, with COMET_URL_OVERRIDE and COMET_API_KEY set; FOLDER is for its files.
"""

import base64
import json
import pathlib
import sys

import comet_ml

FOLDER = pathlib.Path(sys.argv[1])
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
WORKSPACE = "emulated-team"

api = comet_ml.API(cache=False)


def write(name, content):
    path = FOLDER / name
    path.write_bytes(content)
    return str(path)


def written():
    experiment = comet_ml.APIExperiment(
        api=api, workspace=WORKSPACE, project_name="edits", experiment_name="By the API"
    )
    experiment.log_metric("loss", 0.25, step=1, epoch=0, timestamp=1684324800.123)
    # Seconds since the epoch, from before 1990.
    experiment.log_metric("loss", 0.125, step=2, timestamp=1684324.8)
    experiment.log_metrics({"acc": {"top1": 0.5, "top5": 0.75}}, step=1)
    experiment.log_parameter("lr", 0.1)
    experiment.log_parameters({"gone": 1, "kept": "yes"})
    experiment.log_parameter("lr", 0.2)
    experiment.delete_parameter("gone")
    experiment.log_other("note", "written")
    experiment.add_tags(["one", "two"])
    experiment.add_tag("three")
    experiment.delete_tags(["two"])
    experiment.log_html("<b>html</b>")
    experiment.log_output("line 1\nline 2\n")
    experiment.set_model_graph("graph")
    experiment.set_git_metadata("user", "root", "main", "parent", "origin")
    experiment.set_hostname("a host")
    experiment.set_command(["python", "train.py"])
    experiment.log_asset(write("asset.json", b"{}"), step=3, name="asset.json", metadata={"a": 1, "b": "c"})
    experiment.log_asset(write("asset2.json", b"[]"), step=3, name="asset.json", overwrite=True)
    experiment.log_image(write("image.png", base64.b64decode(PNG)), image_name="image.png", step=1)
    experiment.log_curve("curve", [1, 2], [3, 4], step=5)
    removed = experiment.log_asset(write("removed.txt", b"removed"), name="removed.txt")
    experiment.delete_asset(removed["assetId"])
    experiment.update_status()
    experiment.set_state("crashed")
    # ms
    experiment.set_start_time(1000)
    experiment.set_end_time(5000)
    return experiment


def seen(experiment):
    again = api.get_experiment(WORKSPACE, "edits", experiment.key)
    chart = api.get_metrics_for_chart([experiment.key], ["loss"], ["lr"])[experiment.key]
    return {
        "key": experiment.key,
        "name": again.get_name(),
        "state": again.get_state(),
        "times": [again.start_server_timestamp, again.end_server_timestamp, again.duration_millis],
        "loss": [[m["metricValue"], m["step"], m["timestamp"]] for m in again.get_metrics("loss")],
        "summary": again.get_metrics_summary("loss")["valueMin"],
        "chart": [chart["metrics"][0]["values"], chart["metrics"][0]["steps"], chart["params"]],
        "lr": again.get_parameters_summary("lr")["valueCurrent"],
        "params": sorted(p["name"] for p in again.get_parameters_summary()),
        "tags": again.get_tags(),
        "hostname": again.get_hostname(),
        "command": again.get_command(),
        "branch": again.get_git_metadata()["branch"],
        "asset": again.get_asset_by_name("asset.json", return_type="text"),
        "images": [a["fileName"] for a in again.get_asset_list("image")],
        "curve": again.get_curves()[0]["y"],
    }


def lifecycle(experiment):
    listed = lambda: [e.name for e in api.get_experiments(WORKSPACE, "edits")]
    before = listed()
    experiment.archive()
    archived = [listed(), [e.name for e in api.get_archived_experiments(WORKSPACE, "edits")]]
    api.restore_experiment(experiment.key)
    restored = listed()
    other = comet_ml.APIExperiment(api=api, workspace=WORKSPACE, project_name="edits")
    api.delete_experiment(other.key)
    return {
        "before": before,
        "archived": archived,
        "restored": restored,
        "deleted": api.get_experiment_by_key(other.key) is None,
    }


def site():
    api.create_project(WORKSPACE, "made", "described", public=False)
    return {
        "account": api.get_account_details()["userName"],
        "workspaces": api.get_workspaces(),
        "projects": api.get_projects(WORKSPACE),
        "description": api.get_project(WORKSPACE, "made")["projectDescription"],
        "absent": api.get_project(WORKSPACE, "absent"),
    }


experiment = written()
print(json.dumps({"seen": seen(experiment), "lifecycle": lifecycle(experiment), "site": site()}))
