"""Runs are comparable if machine and work are the same, and if changed code has a certificate on both sides."""

from dataclasses import replace
from typing import Any

import pytest

from bench.analysis.comparable import newly_failed
from bench.analysis.compare import compare
from bench.records.record import Record
from tests.bench.sample_records import ENVIRONMENT, quick_run, record

THRESHOLD = 0.05


def test_different_machines_or_workloads_are_not_comparable() -> None:
    elsewhere = [replace(item, environment=replace(ENVIRONMENT, machine="other")) for item in quick_run()]
    found = compare(quick_run(), elsewhere, threshold=THRESHOLD)
    assert (found.exit_code, found.rows) == (5, ())
    assert "other" in found.not_comparable[0]
    changed = [
        replace(item, workload_digest="new") if item.case.workload == "digits-dnn" else item
        for item in quick_run(slowdown=1.2)
    ]
    found = compare(quick_run(), changed, threshold=THRESHOLD)
    assert found.exit_code == 5
    assert {row.cell.workload for row in found.rows} == {"digits-cnn", "digits-lstm"}


def test_runs_on_several_machines_are_compared_workload_by_workload() -> None:
    def on(machines: dict[str, str], *, slowdown: float = 1.0) -> list[Record]:
        return [
            replace(item, environment=replace(ENVIRONMENT, machine=machines[item.case.workload]))
            for item in quick_run(slowdown=slowdown)
        ]

    before = {"digits-dnn": "a", "digits-cnn": "b", "digits-lstm": "a"}
    found = compare(on(before), on(before, slowdown=1.2), threshold=THRESHOLD)
    assert {row.cell.workload for row in found.rows} == set(before)
    assert found.exit_code == 3
    moved = compare(on(before), on(before | {"digits-lstm": "b"}, slowdown=1.2), threshold=THRESHOLD)
    assert {row.cell.workload for row in moved.rows} == {"digits-dnn", "digits-cnn"}
    assert moved.exit_code == 5
    assert "workload digits-lstm: measured on a in the baseline, on b in the candidate" in moved.not_comparable[0]


@pytest.mark.parametrize("certificate", ["failed", None])
@pytest.mark.parametrize("unproven", [0, 1])
def test_changed_code_needs_a_certificate_on_both_sides(certificate: str | None, unproven: int) -> None:
    def run(source: str, *, proven: bool) -> list[Record]:
        state = "passed" if proven else certificate
        return [record(replicate=number, source_digest=source, certificate=state) for number in range(3)]

    sides = [run("old", proven=unproven != 0), run("new", proven=unproven != 1)]
    assert compare(sides[0], sides[1], threshold=THRESHOLD).exit_code == 5
    same_code = [run("old", proven=unproven != number) for number in range(2)]
    lost = compare(same_code[0], same_code[1], threshold=THRESHOLD)
    assert lost.exit_code == (1 if unproven == 1 else 0), "a proof that the candidate lost is a check that did not hold"
    assert [item.what for item in lost.missing] == (["proof"] if unproven == 1 else [])
    proven = [run(source, proven=True) for source in ("old", "new")]
    assert compare(proven[0], proven[1], threshold=THRESHOLD).exit_code == 0


def test_runs_of_different_workloads_are_not_comparable_and_both_sides_are_named() -> None:
    found = compare([record("digits-dnn")], [record("digits-cnn")], threshold=THRESHOLD)
    assert found.exit_code == 5
    assert found.not_comparable[0].startswith(
        "workloads: digits-dnn in the baseline, digits-cnn in the candidate; two runs are compared by the workloads"
    )
    both = [record("digits-dnn"), record("digits-cnn")]
    assert compare(both, both, threshold=THRESHOLD).not_comparable == ()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"framework": "flax"}, "framework: pytorch in the baseline, flax in the candidate"),
        ({"device": "cuda:0"}, "device: cpu in the baseline, cuda:0 in the candidate"),
        ({"batch_sizes": (64,)}, "batch size: 32 in the baseline, 64 in the candidate"),
        ({"purpose": "learning"}, "purpose: timing in the baseline, learning in the candidate"),
    ],
)
def test_runs_without_a_common_case_say_what_tells_them_apart(change: dict[str, Any], line: str) -> None:
    found = compare([record()], [record(**change)], threshold=THRESHOLD)
    assert (found.exit_code, found.apart) == (6, (line,))
    assert compare([record()], [record()], threshold=THRESHOLD).apart == ()


def test_a_case_that_failed_in_the_baseline_too_is_not_new() -> None:
    """Each process counts: one that fails in both runs is no news, and one that fails only now is."""
    well, failed = record(), record(replicate=1, outcome="failed")
    other = record(replicate=1, outcome="oom")
    assert newly_failed([well, failed], [well, failed]) == ()
    assert list(map(str, newly_failed([well], [well, failed]))) == [
        "digits-dnn pytorch training on cpu (timing): failed"
    ]
    (both,) = newly_failed([well], [failed, replace(other, case=replace(other.case, replicate=2))])
    assert both.outcomes == ("failed", "oom"), "the outcome of the last process does not hide the others"


def test_a_failure_is_found_if_the_batch_sizes_of_the_runs_differ() -> None:
    before = record(scenario="inference", batch_sizes=(1, 32))
    after = record(scenario="inference", batch_sizes=(1, 32, 256), outcome="failed")
    assert len(newly_failed([before], [after])) == 1
    assert newly_failed([before], [replace(after, outcome="ok")]) == ()


def test_failures_of_two_modes_have_two_names() -> None:
    plain, tuned = record(), record()
    tuned = replace(tuned, case=replace(tuned.case, mode="tuned"))
    failed = [replace(item, outcome="failed") for item in (plain, tuned)]
    lines = list(map(str, newly_failed([plain, tuned], failed)))
    assert len(set(lines)) == 2


def test_different_versions_count_as_changed_code() -> None:
    newer = replace(ENVIRONMENT, versions=ENVIRONMENT.versions | {"torch": "2.14.0"})
    baseline = [record(replicate=number, certificate=None) for number in range(3)]
    candidate = [record(replicate=number, certificate=None, environment=newer) for number in range(3)]
    assert compare(baseline, candidate, threshold=THRESHOLD).exit_code == 5


def test_different_variables_of_the_shell_count_as_changed_code() -> None:
    def run(variables: dict[str, str] | None, *, state: str = "passed") -> list[Record]:
        environment = replace(ENVIRONMENT, variables=variables)
        return [record(replicate=number, environment=environment, certificate=state) for number in range(3)]

    usual, off = {"OMP_PROC_BIND": "true"}, {"TF_ENABLE_ONEDNN_OPTS": "0"}
    found = compare(run(usual, state="failed"), run(off), threshold=THRESHOLD)
    assert found.exit_code == 5
    assert (
        "sources, versions or variables of the shell differ, and the baseline is not proven" in found.not_comparable[0]
    )
    assert compare(run(usual), run(off), threshold=THRESHOLD).exit_code == 0, "proven on both sides"
    assert compare(run(usual, state="failed"), run(usual), threshold=THRESHOLD).exit_code == 0, "the same shell"
    assert compare(run(None, state="failed"), run(off), threshold=THRESHOLD).exit_code == 0, "an older record"
