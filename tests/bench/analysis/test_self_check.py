"""One run is split into two sides of the same code, and a change that is injected into one side is found."""

from dataclasses import replace

import pytest

from bench.analysis.compare import compare
from bench.analysis.self_check import halves, is_baseline, planted
from bench.errors import UsageError
from bench.records.record import Record
from tests.bench.sample_records import record


def run(*, slow: float = 1.0, on_first_side: bool = False, processes: int = 10) -> list[Record]:
    """Three frameworks; one is slower in half of its processes, and its records say so."""
    made = []
    for number in range(processes):
        for framework in ("pytorch", "keras/tensorflow", "flax"):
            changed = slow != 1 and framework == "flax" and is_baseline(number) == on_first_side
            found = record(framework=framework, replicate=number, slowdown=slow if changed else 1.0)
            settings = found.settings | ({"planted": "calls take longer"} if changed else {})
            made.append(replace(found, settings=settings))
    return [*made, record(purpose="memory"), record(purpose="learning")]


def blamed(item: Record) -> bool:
    return item.case.contender == "pytorch" and not is_baseline(item.case.replicate)


def test_processes_are_assigned_to_both_sides_in_a_balanced_order() -> None:
    assert [is_baseline(number) for number in range(8)] == [True, False, False, True, True, False, False, True]


def test_a_run_is_split_into_two_sides_of_timing_processes() -> None:
    first, second = halves(run())
    assert len(first) == len(second) == 15
    assert {record.case.replicate for record in first} == {0, 3, 4, 7, 8}
    assert {record.case.purpose for record in (*first, *second)} == {"timing"}


def test_a_run_with_too_few_processes_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"^--self-check: found a run with 3 processes for each cell, expected at least 4"
    ):
        halves(run(processes=3))
    assert len(halves(run(processes=4))) == 2


@pytest.mark.parametrize(
    ("on_first_side", "verdict", "side"), [(False, "regressed", "second"), (True, "improved", "first")]
)
def test_an_injected_change_is_found_in_its_cell_and_nowhere_else(
    verdict: str, side: str, *, on_first_side: bool
) -> None:
    records = run(slow=1.2, on_first_side=on_first_side)
    comparison = compare(*halves(records), threshold=0.05)
    found = planted(*halves(records), comparison)
    assert found is not None
    assert [cell.contender for cell in found.cells] == ["flax"]
    assert found.how == f"calls take longer on the {side} side"
    assert (found.found, found.planted) == (2, 2)
    assert (found.alarms, found.others) == (0, 4)
    assert {row.verdict for row in comparison.rows if row.cell.contender == "flax"} == {verdict}


def test_a_small_injected_change_is_not_found_and_other_changes_are_alarms() -> None:
    records = run(slow=1.01)
    missed = planted(*halves(records), compare(*halves(records), threshold=0.05))
    assert missed is not None
    assert missed.found == 0
    wolf = [replace(item, settings={}) if item.case.contender == "flax" else item for item in run(slow=1.2)]
    wolf = [replace(item, settings={"planted": "here"}) if blamed(item) else item for item in wolf]
    found = planted(*halves(wolf), compare(*halves(wolf), threshold=0.05))
    assert found is not None
    assert (found.found, found.alarms) == (0, 2)


def test_a_run_without_an_injected_change_gives_none() -> None:
    records = run()
    assert planted(*halves(records), compare(*halves(records), threshold=0.05)) is None
