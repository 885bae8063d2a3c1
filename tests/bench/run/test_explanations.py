"""Where each framework first deviates from the one that most others agree with."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.analysis import data_parallel
from bench.analysis.deviations import Trace
from bench.analysis.dropout_masks import LOSS_CHECK
from bench.analysis.first_deviation import NO_GRADIENT, in_order
from bench.records.record import Certificate, Deviation
from bench.report.explanations import AGREE, DROPOUT, REFERENCE, words
from bench.run import explanations
from bench.run.explanations import Explanation, explain
from bench.workload.frameworks import Contender
from bench.workload.workload import Workload, load_workload

NAMES = ("pytorch", "flax", "keras/jax")


def look(*, off: float = 0.0, moved: float = 1.0) -> Trace:
    given = {"head.bias": np.zeros(3)}
    weights = {"head.bias": np.full(3, moved)}
    return in_order({"hidden0": np.ones(4) + off}, np.ones(3) + off, given=given, weights=weights)


def certificate(name: str, *, from_reference: float | None = None) -> Certificate:
    """A proof that has failed, with this deviation from the reference."""
    compared = [] if from_reference is None else [("float64 forward", "reference", from_reference, 1e-12)]
    deviations = tuple(Deviation(check=a, against=b, found=c, allowed=d) for a, b, c, d in compared)
    return Certificate(contender=name, deviations=deviations, steps=100, problem="failed")


def lines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, off: Mapping[str, float], *, from_reference: Mapping[str, float]
) -> list[Explanation]:
    """What is explained if the outputs of these frameworks are off, and every proof has failed."""
    looks = {name: look(off=off.get(name, 0.0)) for name in NAMES}
    monkeypatch.setattr(explanations, "_looks", lambda *_, **__: looks)
    failed = {name: certificate(name, from_reference=from_reference.get(name)) for name in NAMES}
    return explain(load_workload("digits-dnn"), failed, device="cpu", logs=tmp_path)


def explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **off: float) -> list[tuple[str, str, bool]]:
    """Framework, base, and whether a place was found."""
    return [
        (line.contender, line.other, line.found is not None)
        for line in lines(monkeypatch, tmp_path, off, from_reference=dict.fromkeys(NAMES, 1e-16))
    ]


def test_the_framework_that_deviates_is_named_and_those_that_agree_are_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert explained(monkeypatch, tmp_path, flax=1e-3) == [("flax", "pytorch", True)]
    assert explained(monkeypatch, tmp_path, pytorch=1e-3) == [("pytorch", "flax", True)]


def test_if_all_agree_in_one_step_each_one_is_said_to_drift_apart_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert explained(monkeypatch, tmp_path) == [("flax", "pytorch", False), ("keras/jax", "pytorch", False)]


def test_the_framework_that_agrees_with_the_reference_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deviations = {"pytorch": 1e-16, "flax": 0.5, "keras/jax": 1e-16}
    (line,) = lines(monkeypatch, tmp_path, {"flax": 1e-3}, from_reference=deviations)
    assert (line.right, line.wrong) == (("pytorch",), ("flax",))
    assert "Of the two, pytorch agrees with `forward` in spec.py. Usual causes" in words(line)
    (unknown,) = lines(monkeypatch, tmp_path, {"flax": 1e-3}, from_reference={})
    assert (unknown.right, unknown.wrong) == ((), ())
    assert "forward" not in words(unknown)


def test_a_reference_from_which_all_deviate_is_said_to_be_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for deviation, said in ((0.5, REFERENCE), (1e-16, AGREE)):
        found = lines(monkeypatch, tmp_path, {}, from_reference=dict.fromkeys(NAMES, deviation))
        assert [words(line) for line in found] == [f"digits-dnn: {name} and pytorch: {said}" for name in NAMES[1:]]


def test_a_weight_that_one_framework_does_not_train_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    looks = {"pytorch": look(), "flax": look(moved=0.0)}
    monkeypatch.setattr(explanations, "_looks", lambda *_, **__: looks)
    failed = {name: certificate(name) for name in looks}
    (line,) = explain(load_workload("digits-dnn"), failed, device="cpu", logs=tmp_path)
    assert "In flax, the step does not change head.bias; in pytorch it does." in words(line)
    assert NO_GRADIENT in words(line)


def test_frameworks_that_agree_without_dropout_alone_are_said_to_differ_in_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    looks = {"pytorch": look(), "flax": look()}
    monkeypatch.setattr(explanations, "_looks", lambda *_, **__: looks)
    compared = Deviation(check=LOSS_CHECK, against="pytorch", found=20.0, allowed=6.0)
    weights = Deviation(check="float64 weights after 100 steps", against="pytorch", found=0.1, allowed=1e-9)
    for lines, said in (((compared,), DROPOUT), ((compared, weights), AGREE)):
        failed = {name: Certificate(contender=name, deviations=lines, steps=100) for name in looks}
        (line,) = explain(load_workload("digits-dnn"), failed, device="cpu", logs=tmp_path)
        assert words(line) == f"digits-dnn: flax and pytorch: {said}"


def test_nothing_is_said_of_frameworks_that_agree_if_their_proofs_were_never_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert lines(monkeypatch, tmp_path, {}, from_reference={}) == []
    assert [line.contender for line in lines(monkeypatch, tmp_path, {"flax": 1e-3}, from_reference={})] == ["flax"]


def test_a_framework_that_the_proof_added_is_looked_at_and_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compared = Deviation(check="float64 weights after 100 steps", against="flax", found=0.2, allowed=1e-9)
    failed = Certificate(contender="pytorch", deviations=(compared,), steps=100)
    asked: list[str] = []

    def looks(_: Workload, contenders: Sequence[Contender], **__: object) -> dict[str, Trace]:
        asked.extend(map(str, contenders))
        return {"pytorch": look(), "flax": look(off=1e-3)}

    monkeypatch.setattr(explanations, "_looks", looks)
    (line,) = explain(load_workload("digits-dnn"), {"pytorch": failed}, device="cpu", logs=tmp_path)
    assert sorted(asked) == ["flax", "pytorch"]
    assert words(line).startswith("digits-dnn: flax and pytorch first deviate in the outputs of hidden0")
    asked.clear()
    explain(load_workload("digits-dnn"), {"pytorch": certificate("pytorch")}, device="cpu", logs=tmp_path)
    assert asked == ["pytorch"], "which was compared with none"


def test_a_proof_that_fails_on_several_devices_alone_is_not_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    def looks(_: Workload, __: Sequence[Contender], *, device: str, **___: object) -> dict[str, Trace]:
        asked.append(device)
        return {"pytorch": look(), "flax": look(off=1e-3)}

    monkeypatch.setattr(explanations, "_looks", looks)
    equal = replace(certificate("pytorch", from_reference=1e-16), problem=None)
    failed = data_parallel.proven(equal, {"weights/a": np.ones(2)}, {"weights/a": np.ones(2) + 1e-3}, devices=2)
    assert not failed.passed
    assert explain(load_workload("digits-dnn"), {"pytorch": failed}, device="2xcpu", logs=tmp_path) == []
    assert asked == []
    both = {"pytorch": failed, "flax": certificate("flax", from_reference=1e-3)}
    (line,) = explain(load_workload("digits-dnn"), both, device="2xcpu", logs=tmp_path)
    assert (line.contender, asked) == ("flax", ["cpu"])
