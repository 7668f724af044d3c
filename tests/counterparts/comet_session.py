"""Logs to a Comet server through the official SDK what it can log, and prints, as JSON, what that was.

Usage: comet_session.py FOLDER, with COMET_URL_OVERRIDE and COMET_API_KEY set; FOLDER is for its files.
"""

import base64
import json
import math
import pathlib
import sys

import comet_ml
import numpy as np

FOLDER = pathlib.Path(sys.argv[1])
PROJECT = "emulated"
KEY = "a" * 40
STARTED = "b" * 32
# One black pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="


def write(name, content):
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


def log_values(experiment):
    for step in range(20):
        experiment.log_metric("train/loss", 1 / (step + 1), step=step, epoch=step // 5)
    for step, value in enumerate([math.nan, math.inf, -math.inf, 0.1 + 0.2, 1e-300, 2**53]):
        experiment.log_metric("odd ✓", value, step=step)
    with experiment.test():
        experiment.log_metric("acc", 0.5, step=3)
    experiment.log_metric("word", "text", step=1)
    experiment.log_parameters({"lr": 0.1, "layers": [1, 2], "deep": True, "nested": {"a": {"b": "c"}}})
    experiment.log_parameter("big", 2**53 + 1)
    experiment.log_parameter("limit", math.inf)
    experiment.log_parameter("long", "x" * 2000)
    experiment.log_other("note", "some\nnotes ✓")
    experiment.log_others({"count": 3, "done": False})
    experiment.add_tags(["one", "two words"])
    experiment.add_tag("three")


def log_files(experiment):
    experiment.log_asset(write("dir/weights.bin", b"\x00\x01weights"), file_name="models/weights.bin", step=4)
    experiment.log_asset(write("empty.txt", b""), metadata={"path": "a/b", "size": 0})
    experiment.log_asset_data({"rows": [1, 2]}, name="rows.json", metadata={"source": "sdk"})
    experiment.log_asset(write("same.txt", b"first"), file_name="same.txt")
    # Uploads overtake each other.
    experiment.flush()
    experiment.log_asset(write("same2.txt", b"second"), file_name="same.txt", overwrite=True)
    experiment.log_image(write("black.png", base64.b64decode(PNG)), name="images/black.png", step=2)
    experiment.log_histogram_3d(np.array([1.0, 1.0, -1.0, 0.0, 0.5]), name="weights", step=7)
    experiment.log_text("a text sample", step=1, metadata={"language": "en"})
    experiment.log_curve("roc", x=[0, 0.5, 1], y=[0, 0.9, 1], step=0)
    experiment.log_table("table.csv", [[1, "a"], [2, "b"]], headers=["step", "value"])
    experiment.log_remote_asset("s3://bucket/file.bin", remote_file_name="file.bin")
    experiment.log_code(write("train.py", b"print('trained')\n"))
    experiment.log_html("<p>first</p>")
    experiment.log_html("<p>second</p>")
    experiment.set_model_graph("a graph")
    experiment.log_dependency("numpy", "2")
    experiment.log_system_info("gpu", "none")
    experiment.set_filename("train.py")


def first():
    experiment = comet_ml.Experiment(
        project_name=PROJECT,
        experiment_key=KEY,
        log_code=False,
        auto_output_logging="native",
    )
    experiment.set_name("First run")
    log_values(experiment)
    log_files(experiment)
    # Of the wrapped output.
    print("said aloud")
    print("and ✓ again", file=sys.stderr)
    experiment.flush()
    experiment.end()
    return experiment.url


def again():
    """What becomes of a key that is taken, and of one that nobody has."""
    taken = comet_ml.Experiment(project_name=PROJECT, experiment_key=KEY)
    existing = comet_ml.ExistingExperiment(previous_experiment=KEY)
    existing.log_metric("train/loss", 0.01, step=20)
    known = existing.get_metric("train/loss")
    existing.end()
    absent = comet_ml.ExistingExperiment(previous_experiment="f" * 32)
    return {"taken": taken.alive, "existing": existing.get_key(), "known": known, "absent": absent.alive}


def started():
    """The newer way: create, then get the same one."""
    config = comet_ml.ExperimentConfig(name="Started", tags=["new"])
    keys = []
    for mode in ("create", "get", "get_or_create"):
        experiment = comet_ml.start(
            project_name=PROJECT, experiment_key=STARTED, mode=mode, online=True, experiment_config=config
        )
        experiment.log_metric("many", len(keys), step=len(keys))
        keys.append(experiment.get_key())
        experiment.end()
    return keys


def refusals():
    told = {}
    for name, options in {
        "workspace": {"workspace": "nobody"},
        "key": {"api_key": "wrong"},
    }.items():
        try:
            told[name] = str(comet_ml.Experiment(project_name=PROJECT, **options).alive)
        except Exception as error:
            told[name] = type(error).__name__
    return told


result = {"url": first(), "again": again(), "started": started(), "told": refusals()}
print()
print(json.dumps(result))
