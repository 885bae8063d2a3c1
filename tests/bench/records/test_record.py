"""A record is read back unchanged; its case has a framework and a name, and its certificate passes or fails."""

from dataclasses import replace

import pytest

from bench.records.record import Case, Certificate, Deviation, last_attempts
from bench.records.record_lines import ForeignLineError, from_line, to_line
from tests.bench.sample_records import quick_run, record

CASE = Case(workload="digits-dnn", framework="keras", backend="jax", scenario="training", batch_sizes=(32,), threads=2)


@pytest.mark.parametrize(("backend", "name"), [("jax", "keras/jax"), (None, "keras")])
def test_a_contender_is_the_framework_and_its_backend(backend: str | None, name: str) -> None:
    assert replace(CASE, backend=backend).contender == name


def test_processes_are_counted_from_1_and_seeds_are_shown() -> None:
    cases = [replace(CASE, purpose=purpose, replicate=1, seed=3) for purpose in ("timing", "learning", "memory")]
    assert [case.turn for case in cases] == ["timing 2", "learning seed 3", "memory"]


@pytest.mark.parametrize(
    ("case", "unusual", "learner"),
    [
        (CASE, (), "keras-jax-cpu-seed0"),
        (replace(CASE, mode="tuned", device="cuda:1"), ("tuned",), "keras-jax-cuda-1-tuned-seed0"),
        (replace(CASE, backend=None, precision="bf16", seed=2), ("bf16",), "keras-cpu-bf16-seed2"),
    ],
)
def test_the_file_name_of_a_learner_has_its_unusual_mode_and_precision(
    case: Case, unusual: tuple[str, ...], learner: str
) -> None:
    assert case.unusual == unusual
    assert case.learner == learner


def test_replicates_have_the_same_subject_and_seeds_have_different_ones() -> None:
    assert replace(CASE, replicate=4).subject == CASE.subject
    assert replace(CASE, seed=4).subject != CASE.subject


@pytest.mark.parametrize(("found", "holds"), [(1e-12, True), (2e-12, False), (float("nan"), False)])
def test_a_certificate_passes_if_every_deviation_is_allowed(found: float, *, holds: bool) -> None:
    good, other = (Deviation(check="forward", against="flax", found=item, allowed=1e-12) for item in (0.0, found))
    certificate = Certificate(contender="pytorch", deviations=(good, other), steps=100)
    assert other.holds == holds
    assert certificate.passed == holds
    assert not replace(certificate, problem="the traces were cut short").passed
    assert not replace(certificate, deviations=()).passed, "without any check there is no proof"


def test_only_the_last_attempt_of_a_case_in_its_run_is_kept() -> None:
    first, second = record(), replace(record(), attempt=2)
    other_case, other_run = record(replicate=1), record(run="another")
    assert last_attempts([first, second, other_case, other_run]) == [second, other_case, other_run]
    assert last_attempts([first, other_case]) == [first, other_case]


def test_a_record_is_one_line_and_is_read_back_unchanged() -> None:
    records = quick_run()
    lines = list(map(to_line, records))
    assert not any("\n" in line for line in lines)
    assert list(map(from_line, lines)) == records
    assert from_line(lines[0]) != records[1]


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ('{"schema_version"', '"schema_version"', "found an incomplete or damaged line"),
        ('"schema_version":1', '"schema_version":2', "schema_version: found 2, expected 1"),
        ('"cores":2', '"cores":"two"', "environment.cores: found no valid value, expected a whole number"),
        ('"cores":2', '"cores":2,"colour":"red"', "environment.colour: found no valid value, expected no such key"),
        ('"cores":2,', "", "environment.cores: found no valid value, expected a value: this key is required"),
    ],
)
def test_a_line_that_is_not_a_record_is_refused_with_the_reason(before: str, after: str, reason: str) -> None:
    line = to_line(record())
    assert line.count(before) == 1
    with pytest.raises(ForeignLineError, match=reason):
        from_line(line.replace(before, after))
