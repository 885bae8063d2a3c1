"""Small workloads of every family, their certificates, and ways to plant a fault into one framework."""

import importlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.adapters.base import IDIOMATIC
from bench.analysis.deviations import Trace
from bench.analysis.equivalence import STEPS, certify
from bench.records.record import Certificate
from bench.worker.prepared_workload import prepare
from bench.worker.proof_trace import trace
from bench.workload.axes import FrameworkOptions
from bench.workload.workload import Workload, parse_workload
from models.layers.spec import Weights
from tests.contenders import KERAS

Plant = Callable[[pytest.MonkeyPatch], None]

FORWARD = "float64 forward"
WEIGHTS = f"float64 weights after {STEPS} steps"

ADAM = {"optimizer": {"name": "adam", "learning_rate": 1e-3}, "batch_size": 8, "epochs": 1}
DROPPED = {"units": 6, "activation": "tanh", "dropout": 0.3}
BOTH_WAYS = "bidirectional-lstm"
WORKLOADS: dict[str, dict[str, Any]] = {
    "dnn": {
        "dataset": {"name": "synthetic", "shape": [6], "classes": 3, "train": 64, "test": 6},
        "model": {"hidden": [{"units": 6, "batch_norm": {}}, DROPPED]},
        "recipe": ADAM,
    },
    "cnn": {
        "dataset": {"name": "synthetic", "shape": [6, 5, 2], "classes": 3, "train": 64, "test": 6},
        "model": {
            "convolutions": [{"filters": 3, "padding": "same", "pool": 2, "batch_norm": {"position": "after"}}],
            "dense": [{"units": 5}],
        },
        "recipe": ADAM | {"optimizer": {"name": "sgd", "learning_rate": 0.1}},
    },
    "lstm": {
        "dataset": {"name": "synthetic", "shape": [4, 3], "outputs": 2, "train": 64, "test": 6},
        "model": {"layers": [{"units": 5, "batch_norm": {"position": "after"}}, {"units": 4}]},
        "recipe": ADAM | {"loss": "mean_squared_error"},
    },
    BOTH_WAYS: {
        "dataset": {"name": "synthetic", "shape": [4, 3], "outputs": 2, "train": 64, "test": 6},
        "model": {
            "family": "lstm",
            "layers": [{"units": 3, "bidirectional": True}, {"units": 4, "bidirectional": True}],
        },
        "recipe": ADAM | {"loss": "mean_squared_error"},
    },
    "gru": {
        "dataset": {"name": "synthetic", "shape": [3, 3], "outputs": 2, "train": 64, "test": 6},
        "model": {"layers": [{"units": 4}]},
        "recipe": ADAM | {"loss": "mean_squared_error"},
    },
    "rnn": {
        "dataset": {"name": "synthetic", "shape": [3, 3], "outputs": 2, "train": 64, "test": 6},
        "model": {"layers": [{"units": 4}]},
        "recipe": ADAM | {"loss": "mean_squared_error"},
    },
}


def workload(family: str) -> Workload:
    content = {"name": family, **WORKLOADS[family]}
    content["model"] = {"family": family, **content["model"]}
    return parse_workload(content, source=Path(f"{family}.toml"))


def traced(framework: str, family: str, precision: str, *, tuning: FrameworkOptions = IDIOMATIC) -> Trace:
    subject = prepare(framework, workload(family), device="cpu", precision=precision, threads=1, seed=0)
    return trace(subject, tuning=tuning)


@cache
def honest(framework: str, family: str) -> dict[str, Trace]:
    """The traces of a framework in both precisions, without any fault."""
    return {precision: traced(framework, family, precision) for precision in ("fp64", "fp32")}


def certificate(contender: str, family: str, *, double: Trace | None = None) -> Certificate:
    """The certificate of a framework, compared with a peer without faults; `double` replaces its float64 trace."""
    peer = "flax" if contender == "pytorch" else "pytorch"
    found, expected = honest(contender.partition("/")[0], family), honest(peer, family)
    exact = {peer: expected["fp64"], contender: found["fp64"] if double is None else double}
    rounded = {peer: expected["fp32"], contender: found["fp32"]}
    return certify(contender, exact, rounded, dropout=family == "dnn")


def chosen(contender: str, family: str = "") -> Sequence[pytest.MarkDecorator]:
    """Tests of Keras are slow: they need three more processes. So are two directions, which compile for long."""
    return [pytest.mark.slow] if contender in KERAS or family == BOTH_WAYS else []


class Fault(NamedTuple):
    """A fault, its framework and network, and one check that must fail."""

    name: str
    contender: str
    family: str
    plant: Plant
    caught_by: str


def seen_through(module: str, change: Callable[[Weights], Weights]) -> Plant:
    """Change the weights in `build` and change them back in `export`; `change` is its own inverse."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        target = importlib.import_module(module)
        build, export = target.build, target.export
        monkeypatch.setattr(target, "build", lambda spec, weights, seed: build(spec, change(weights), seed=seed))
        monkeypatch.setattr(target, "export", lambda model: change(export(model)))

    return plant
