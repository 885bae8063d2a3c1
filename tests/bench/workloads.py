"""Small workloads for tests, as the TOML text that a user would write, and as jobs for a worker."""

import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.records.record import Case, to_json
from bench.workload.saved_model import FORMAT, SavedModel, Scale
from bench.workload.workload import Workload, parse_workload

TOML = """\
name = "tiny"
title = "Six numbers in three classes"
dataset = { name = "synthetic", shape = [6], classes = 3, train = 48, test = 20 }

[model]
family = "dnn"
hidden = [{ units = 5 }]

[recipe]
optimizer = { name = "adam", learning_rate = 1e-2 }
batch_size = 8
epochs = 2
"""

# One change each, and the workload does what the name says, in every framework.
DIVERGES = ('{ name = "adam", learning_rate = 1e-2 }', '{ name = "sgd", learning_rate = 1e30 }')
LEARNS_WITHOUT_END = ("epochs = 2", "epochs = 100000000")
WIDE = ("units = 5", "units = 3000")  # so that a batch weighs something
NEEDS_TOO_MUCH_MEMORY = ("units = 5", "units = 10000000000000")
CANNOT_BE_DONE_IN_PYTORCH = (
    'shape = [6], classes = 3, train = 48, test = 20 }\n\n[model]\nfamily = "dnn"\nhidden = [{ units = 5 }]',
    (
        'shape = [6], classes = 3, train = 48, test = 20 }\n\n[model]\nfamily = "lstm"\n'
        'layers = [{ units = 5, activation = "relu" }]'
    ),
)

Change = tuple[str, str]


def toml(*changes: Change) -> str:
    """The text of the workload `tiny`, with each first text replaced by the second."""
    text = TOML
    for found, replacement in changes:
        if text.count(found) != 1:
            raise ValueError(f"found {text.count(found)} times {found!r}, expected one to replace")
        text = text.replace(found, replacement)
    return text


def named(name: str) -> Change:
    """The change that gives the workload another name."""
    return ('"tiny"', f'"{name}"')


def workload(*changes: Change) -> Workload:
    """The workload `tiny`, changed."""
    return parse_workload(tomllib.loads(toml(*changes)), source=Path("tiny.toml"))


def job(made: Workload, log: Path, *, kind: str = "measure", framework: str = "pytorch", **case: Any) -> dict[str, Any]:  # noqa: ANN401 (fields of a case)
    """A job for a worker, by default one timing of a training step; `case` replaces fields of its case."""
    fields: dict[str, Any] = {"scenario": "training", "batch_sizes": (8,), "threads": 1} | case
    return {
        "kind": kind,
        "framework": framework,
        "device": "cpu",
        "threads": 1,
        "workload": made.content,
        "source": made.source,
        "log": str(log),
        "case": to_json(Case(workload=made.name, framework=framework, **fields)),
        "block_seconds": 0.005,
    }


def saved_tiny() -> SavedModel:
    """A saved model of Flax that takes six numbers and has three classes."""
    made = workload()
    return SavedModel(
        format=FORMAT,
        workload=made.name,
        digest=made.digest,
        contender="flax",
        versions={"flax": "1"},
        seed=3,
        family=made.family,
        spec=asdict(made.spec),
        recipe=made.recipe,
        dataset=dict(made.dataset),
        description=made.description,
        inputs=Scale(),
        targets=Scale(),
        quality={"accuracy": 0.5},
    )
