"""A damaged file of records ends in a result that tells what is left out, or in one message."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from bench.records import value_checks
from bench.records.evaluation import ClassQuality, Error, Evaluation, Picture, Threshold
from bench.records.machine_use import Reading, Use
from bench.records.measurement import Boundary, Capacity, Compiling, Measurement, Trial
from bench.records.record import Record
from bench.records.record_lines import ForeignLineError, from_line, to_line
from bench.workload.network_layers import Layer
from bench.workload.recipe import Band
from tests.bench.mutated_files import damage, trees
from tests.bench.mutated_files.examples import FEW, study
from tests.bench.mutated_files.verdict import End, levelfield, problems
from tests.bench.sample_records import block, learning, one_by_one, record

BUDGETS = """\
[[budget]]
workload = "digits-dnn"
framework = "pytorch"
accuracy = 0.5
latency_p50_ms = 100.0
first_call_s = 100.0
peak_memory_mb = 1000.0
time_to_target_s = 10.0
"""
FORMATS = ("markdown", "markdown", "csv", "json", "prometheus", "github-action-benchmark")
COMMANDS: tuple[Callable[[Path, Path], tuple[object, ...]], ...] = (
    *(lambda path, _, form=form: ("report", path, "--format", form) for form in FORMATS),
    lambda path, other: ("compare", other, path, "--reports", path.parent),
    lambda path, other: ("compare", path, other, "--format", "json", "--reports", path.parent),
    lambda path, other: ("check", other.with_suffix(".toml"), path, "--format", "markdown"),
)


def measured() -> list[Record]:
    """Records of all purposes in which most fields have values."""
    parts = Boundary(to_device_ns=(9, 8), dispatch_ns=(7, 6), compute_ns=(5, 4), to_host_ns=(3, 2))
    readings = tuple(
        Reading(when=moment, cpu_mhz=2600.0, cpu_celsius=50.0, host_used_bytes=10**9)
        for moment in ("before", "during", "after")
    )
    use = Use(readings=readings, span_ns=10**9, stolen_ns=0, preemptions=2, energy_j=1.5)
    compiling = Compiling(trace_ns=10**6, compile_ns=10**6)
    sizes = {"flops": 10**6, "least_bytes": 10**5, "held_bytes": 10**5, "first_round_ns": 10**7}
    timed = replace(block(samples=30), boundary=parts, use=use, compiling=compiling, **sizes)  # type: ignore[arg-type]
    trials = (Trial(batch_size=64, outcome="ok"), Trial(batch_size=128, outcome="oom", error="out of memory"))
    found: list[Record] = []
    for framework in ("pytorch", "keras/jax"):
        found += [
            record(
                framework=framework, replicate=number, measurement=Measurement(blocks=(timed,), forward_deviation=1e-7)
            )
            for number in range(2)
        ]
        found += [
            record("digits-dnn", framework, "inference", batch_sizes=(1, 32), samples=30),
            record(framework=framework, purpose="learning", measurement=Measurement(learning=judged())),
            record(framework=framework, purpose="memory"),
        ]
    capacity = Measurement(capacity=Capacity(trials=trials, memory_limit_bytes=10**9))
    found += [record(purpose="capacity", measurement=capacity), *one_by_one((1e-3,), "tuned", {"compile": "yes"})]
    found.append(record(outcome="failed", error="no memory", replicate=2))
    return [replace(item, order=order) for order, item in enumerate(found)]


def judged() -> Any:  # noqa: ANN401 (a dataclass)
    """A training whose result was looked at in all ways."""
    errors = tuple(Error(sample=number, truth=1.0, predicted=0.0, size=0.5) for number in range(2))
    quality = ClassQuality(precision=0.9, recall=0.9, f1=0.9, samples=10)
    curve = ((0.1, 0.5, 1.0), (0.9, 1.0, 0.1))
    evaluation = Evaluation(
        confusion=((9, 1), (1, 9)),
        by_class=(quality, quality),
        threshold=Threshold(value=0.5, chosen_on="test", accuracy=0.9, precision=0.9, recall=0.9, f1=0.9, curve=curve),
        pairs=((0.0, 0.1), (1.0, 0.9)),
        first=errors,
        worst=errors,
        pictures=(Picture(sample=0, shape=(2, 2, 1), pixels="AAECAw=="),),
        naive={"accuracy": 0.5},
    )
    return replace(
        learning(epochs=3),
        judgement=evaluation,
        band=Band(metric="accuracy", lowest=0.9, highest=1.0, source="a paper"),
        network=(Layer(name="head", kind="dense", shape=(2,), parameters=10, flops=20),),
        labels=("no", "yes"),
    )


@cache
def lines() -> tuple[str, ...]:
    """The lines of the file before it is damaged."""
    return tuple(map(to_line, measured()))


def prepared(folder: Path) -> Path:
    """The right file, with budgets beside it."""
    path = folder / "right.jsonl"
    if not path.exists():
        path.write_text("".join(f"{line}\n" for line in lines()))
        path.with_suffix(".toml").write_text(BUDGETS)
    return path


def broken(data: DataObject) -> bytes:
    """The content of a file in which one or two records, or some bytes, are wrong."""
    found = list(lines())
    if data.draw(st.integers(0, 4)) == 0:
        return damage.damaged(data, "".join(f"{line}\n" for line in found).encode())
    for _ in range(data.draw(st.integers(1, 2))):
        number = data.draw(st.integers(0, len(found) - 1))
        content = json.loads(found[number])
        parts = [key for key in ("measurement", "measurement", "case") if isinstance(content.get(key), dict)]
        key = data.draw(st.sampled_from([None, *parts]))
        changed = trees.changed(data, content[key] if key else content, most=1)
        found[number] = json.dumps({**content, key: changed} if key else changed)
    return "".join(f"{line}\n" for line in found).encode()


def is_record(line: bytes) -> bool:
    try:
        from_line(line.decode())
    except (ForeignLineError, UnicodeDecodeError):
        return False
    return True


def end_of(folder: Path, content: bytes, command: Callable[[Path, Path], tuple[object, ...]]) -> End:
    """How a command ends that reads a file of records with this content."""
    right, path = prepared(folder), folder / "mine.jsonl"
    path.write_bytes(content)
    return levelfield(*command(path, right), *(("--results", folder / "results")))


def check_records(folder: Path, data: DataObject) -> None:
    content = broken(data)
    end = end_of(folder, content, data.draw(st.sampled_from(COMMANDS)))
    assert problems(end, named="mine.jsonl", codes={0, 1, 3, 4, 5, 6}) == []
    if not all(is_record(line) for line in content.split(b"\n") if line.strip()):
        assert "mine.jsonl:" in end.err, "lines that are left out are told with the first of their numbers"


@FEW
@given(st.data())
def test_a_mutated_records_file_ends_in_a_result_that_tells_what_is_left_out(folder: Path, data: DataObject) -> None:
    check_records(folder, data)


@study
@given(st.data())
def test_400_mutated_records_files_end_in_a_result_that_tells_what_is_left_out(folder: Path, data: DataObject) -> None:
    check_records(folder, data)


@pytest.mark.parametrize("number", range(len(COMMANDS)))
def test_a_right_file_has_a_result(folder: Path, number: int) -> None:
    end = end_of(folder, prepared(folder).read_bytes(), COMMANDS[number])
    assert problems(end, named="mine.jsonl", codes={0, 1, 4, 6}) == []
    assert end.out


def test_without_the_check_of_values_a_report_that_breaks_would_be_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = map(json.loads, lines())
    first["duration_s"] = float("nan")
    content = "".join(json.dumps(item) + "\n" for item in (first, *others)).encode()
    end = end_of(folder, content, COMMANDS[0])
    assert "mine.jsonl:1: skipped, duration_s: found nan, expected seconds" in end.err
    assert problems(end, named="mine.jsonl", codes={0, 1}) == []
    monkeypatch.setattr(value_checks, "problem", lambda _: None)
    (problem,) = problems(end_of(folder, content, COMMANDS[0]), named="mine.jsonl", codes={0, 1})
    assert "ValueError: cannot convert float NaN" in problem
