"""Logs to a W&B server through the official SDK what it can log, and prints, as JSON, what that was.

Usage: wandb_session.py FOLDER, with WANDB_BASE_URL and WANDB_API_KEY set; FOLDER is for its files.
"""

import json
import math
import pathlib
import sys

import numpy as np
import wandb

FOLDER = pathlib.Path(sys.argv[1])
PROJECT = "emulated"


def init(console="off", **options):
    settings = wandb.Settings(x_disable_stats=True, x_disable_meta=True, console=console, silent=True)
    return wandb.init(project=PROJECT, dir=FOLDER, settings=settings, **options)


def write(name, content):
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def log_artifact(run, content, aliases):
    artifact = wandb.Artifact("model", type="checkpoint", description="weights", metadata={"layers": 3})
    artifact.add_file(str(write("weights.bin", content)), name="dir/weights.bin")
    artifact.add_file(str(write("same.txt", b"the same in each version")), name="same.txt")
    artifact.add_reference("https://example.com/data.csv", name="data.csv", checksum=False)
    run.log_artifact(artifact, aliases=aliases, tags=["kept"]).wait()
    return artifact.name


def first_run():
    run = init(
        id="first",
        name="First run",
        group="a group",
        job_type="train",
        tags=["one", "two words"],
        notes="some\nnotes ✓",
        config={"lr": 0.1, "layers": [1, 2], "nested": {"a": {"b": "c"}}, "big": 2**53 + 1, "limit": math.inf},
    )
    run.define_metric("custom/*", step_metric="epoch")
    for step in range(20):
        run.log({"loss": 1 / (step + 1), "epoch": step // 5, "custom/acc": step / 20, "flag": step % 2 == 0})
    run.log({"odd": math.nan, "up": math.inf, "down": -math.inf, "text": 'says "NaN"'})
    run.log({"later": 1.5, "_timestamp": 1684324800.123}, step=1000, commit=True)
    run.log({"weights": wandb.Histogram(np_histogram=(np.array([1, 2, 3]), np.array([0.0, 1.0, 2.0, 4.0])))})
    table = wandb.Table(columns=["step", "value"], data=[[1, "a"], [2, "b"]])
    run.log({"logs/out": table})
    image = wandb.Image(np.zeros((4, 5, 3), dtype=np.uint8), caption="black")
    run.log({"media/image": image, "several": [image, image]})
    run.save(str(write("saved/notes.txt", b"saved")), base_path=str(FOLDER), policy="now")
    versions = [log_artifact(run, content, aliases) for content, aliases in ((b"v0", []), (b"v1!", ["best"]))]
    # The same content again is no new version.
    versions.append(log_artifact(run, b"v1!", ["again"]))
    run.summary["best"] = 0.05
    run.config.update({"added": "later"})
    run.finish()
    return versions


def resumed_run():
    run = init(id="first", resume="must")
    resumed = run.resumed
    step = run.step
    run.log({"loss": 0.01})
    run.finish(exit_code=0)
    return {"resumed": resumed, "step": step}


def other_runs():
    fork = init(id="forked", fork_from="first?_step=9")
    fork.log({"loss": 5.0})
    fork.finish()
    failed = init(id="failed", resume="allow", group="a group", console="wrap")
    print("said aloud")
    print("and ✓ again", file=sys.stderr)
    failed.use_artifact("model:best").wait()
    failed.link_artifact(failed.use_artifact("model:v0"), "collected", aliases=["linked"])
    failed.log({"x": 1})
    failed.finish(exit_code=3)


def refusals():
    """What the SDK's user is told when the server refuses."""
    told = {}
    for name, options in {
        "must": {"id": "absent", "resume": "must"},
        "never": {"id": "first", "resume": "never"},
        "entity": {"id": "stray", "entity": "nobody"},
        "fork": {"id": "orphan", "fork_from": "absent?_step=1"},
    }.items():
        try:
            init(**options).finish()
        except Exception as error:
            told[name] = f"{type(error).__name__}: {error}"
    return told


versions = first_run()
resumed = resumed_run()
other_runs()
told = refusals()
print(json.dumps({"versions": versions, "resumed": resumed, "told": told}))
