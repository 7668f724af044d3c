"""Changes what a W&B server holds through the official SDK, and prints, as JSON, what it reads of it.

Usage: wandb_edits.py FOLDER, with WANDB_BASE_URL and WANDB_API_KEY set; FOLDER is for its files.
"""

import json
import pathlib
import sys

import wandb

FOLDER = pathlib.Path(sys.argv[1])


def init(**options):
    settings = wandb.Settings(x_disable_stats=True, x_disable_meta=True, console="off", silent=True)
    return wandb.init(project="edits", dir=FOLDER, settings=settings, **options)


def log(run_id, steps, **options):
    run = init(id=run_id, **options)
    for step in steps:
        run.log({"x": step / 2, **({"even": True} if step % 2 == 0 else {})})
    run.finish()


def failing(action):
    """What the SDK's user is told."""
    try:
        action()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


log("kept", range(10), config={"lr": 0.5})
log("rewound", range(10))
log("rewound", range(3), resume_from="rewound?_step=4")
log("deleted", range(2))
api = wandb.Api()
entity = api.default_entity
found = {}

run = api.run(f"{entity}/edits/kept")
found["history"] = run.history(samples=3, pandas=False)
found["by_key"] = run.history(keys=["even"], samples=100, pandas=False)
found["scan"] = list(run.scan_history(keys=["x", "even"], min_step=2, max_step=7))
found["last_step"] = run.lastHistoryStep
run.config["lr"] = 0.25
run.tags = ["edited"]
run.notes = "noted"
run.summary["best"] = 7
run.update()
(FOLDER / "more.txt").write_text("more")
found["uploaded"] = run.upload_file(str(FOLDER / "more.txt"), root=str(FOLDER)).name
found["files"] = [file.name for file in run.files(pattern="more%")]
found["absent"] = failing(lambda: api.run(f"{entity}/edits/absent"))
found["absent_project"] = failing(lambda: list(api.runs(f"{entity}/absent")))
api.run(f"{entity}/edits/deleted").delete()
found["left"] = sorted(run.id for run in api.runs(f"{entity}/edits"))
api.create_project("made", entity)
found["projects"] = sorted(project.name for project in api.projects(entity))

run = init(id="maker")
run.define_metric("custom/*", step_metric="epoch")
run.log({"custom/x": 1, "epoch": 2})
run.log({"table": wandb.Table(columns=["step", "text"], data=[[1, "a"], [2.5, "ü"]])})
artifact = wandb.Artifact("data", type="dataset")
with artifact.new_file("a/b.txt") as file:
    file.write("text")
run.log_artifact(artifact).wait()
other_type = wandb.Artifact("data", type="model")
found["other_type"] = failing(lambda: run.log_artifact(other_type).wait())
run.finish()
(table,) = [made for made in api.run(f"{entity}/edits/maker").logged_artifacts() if made.type == "run_table"]
found["table"] = table.get("table").data
artifact = api.artifact(f"{entity}/edits/data:latest")
artifact.aliases.append("good")
artifact.description = "described"
artifact.metadata["rows"] = 5
artifact.save()
artifact = api.artifact(f"{entity}/edits/data:good")
found["artifact"] = [artifact.name, sorted(artifact.aliases), artifact.description, artifact.metadata]
found["made_by"] = artifact.logged_by().id
found["exists"] = [api.artifact_exists(f"{entity}/edits/data:{alias}") for alias in ("v0", "v1")]
artifact.delete(delete_aliases=True)
found["gone"] = api.artifact_exists(f"{entity}/edits/data:v0")
print(json.dumps(found))
