"""Runs are comparable if machine and work are the same, and if changed code has a certificate on both sides."""

from dataclasses import replace

import pytest

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


@pytest.mark.parametrize("certificate", ["failed", None])
@pytest.mark.parametrize("unproven", [0, 1])
def test_changed_code_needs_a_certificate_on_both_sides(certificate: str | None, unproven: int) -> None:
    def run(source: str, *, proven: bool) -> list[Record]:
        state = "passed" if proven else certificate
        return [record(replicate=number, source_digest=source, certificate=state) for number in range(3)]

    sides = [run("old", proven=unproven != 0), run("new", proven=unproven != 1)]
    assert compare(sides[0], sides[1], threshold=THRESHOLD).exit_code == 5
    same_code = [run("old", proven=unproven != number) for number in range(2)]
    assert compare(same_code[0], same_code[1], threshold=THRESHOLD).exit_code == 0
    proven = [run(source, proven=True) for source in ("old", "new")]
    assert compare(proven[0], proven[1], threshold=THRESHOLD).exit_code == 0


def test_different_versions_count_as_changed_code() -> None:
    newer = replace(ENVIRONMENT, versions=ENVIRONMENT.versions | {"torch": "2.14.0"})
    baseline = [record(replicate=number, certificate=None) for number in range(3)]
    candidate = [record(replicate=number, certificate=None, environment=newer) for number in range(3)]
    assert compare(baseline, candidate, threshold=THRESHOLD).exit_code == 5
