"""Where each framework first deviates from the one that most others agree with."""

from pathlib import Path

import numpy as np
import pytest

from bench.analysis.deviations import Trace
from bench.analysis.first_deviation import in_order
from bench.records.record import Certificate
from bench.run import explanations
from bench.run.explanations import explain
from bench.workload.workload import load_workload

NAMES = ("pytorch", "flax", "keras/jax")


def look(*, off: float = 0.0) -> Trace:
    return in_order({"hidden0": np.ones(4) + off}, np.ones(3) + off, {"head.bias": np.ones(3)})


def explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **off: float) -> list[tuple[str, str, bool]]:
    """Framework, base, and whether a place was found; every proof has failed."""
    looks = {name: look(off=off.get(name, 0.0)) for name in NAMES}
    monkeypatch.setattr(explanations, "_looks", lambda *_, **__: looks)
    failed = {name: Certificate(contender=name, deviations=(), steps=100, problem="failed") for name in NAMES}
    found = explain(load_workload("digits-dnn"), failed, device="cpu", logs=tmp_path)
    return [(line.contender, line.other, line.found is not None) for line in found]


def test_the_framework_that_deviates_is_named_and_those_that_agree_are_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert explained(monkeypatch, tmp_path, flax=1e-3) == [("flax", "pytorch", True)]
    assert explained(monkeypatch, tmp_path, pytorch=1e-3) == [("pytorch", "flax", True)]


def test_if_all_agree_in_one_step_each_one_is_said_to_drift_apart_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert explained(monkeypatch, tmp_path) == [("flax", "pytorch", False), ("keras/jax", "pytorch", False)]
