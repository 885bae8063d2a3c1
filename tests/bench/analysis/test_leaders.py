"""A leader is named only where it is certain. Frameworks learnt the same if their means differ little enough."""

import pytest

from bench.analysis.leaders import Leader, fastest, likeness, smallest, tied
from bench.records.timing_metrics import Summary, of_processes


def places(**processes: tuple[float, ...]) -> dict[str, Summary]:
    return {name: of_processes(values) for name, values in processes.items()}


def test_a_winner_is_faster_in_every_process_and_leads_the_next() -> None:
    found = fastest(places(torch=(1.0, 0.9, 1.1), flax=(1.5, 1.2, 1.4), keras=(3.0, 2.9, 3.1)))
    assert (found.outcome, found.best, found.rival) == ("winner", ("torch",), "flax")
    assert found.lead is not None
    assert found.lead.median == 1.4


def test_nobody_wins_where_ranges_overlap() -> None:
    overlapping = places(torch=(1.0, 0.9, 1.3), flax=(1.5, 1.2, 1.4), keras=(3.0, 2.9, 3.1))
    assert fastest(overlapping) == Leader(outcome="tied", best=("torch", "flax"))


def test_a_framework_between_two_tied_ones_is_tied_too() -> None:
    assert tied(places(a=(1.0, 1.0, 1.6), b=(1.7, 1.7, 1.7), c=(1.8, 1.5, 1.9))) == ("a", "b", "c")
    assert tied(places(a=(1.0, 1.0, 1.6), b=(1.7, 1.7, 1.7), c=(1.8, 1.75, 1.9))) == ("a",)


def test_nobody_wins_where_an_unreliable_figure_may_be_the_fastest() -> None:
    found = fastest(places(torch=(1.0, 1.0), flax=(2.0, 2.0)), perhaps_faster=["keras"])
    assert (found.outcome, found.best) == ("doubtful", ("keras",))


def test_one_framework_is_no_winner() -> None:
    assert fastest(places(torch=(1.0, 1.0))).outcome == "alone"
    assert fastest({}).outcome == "unknown"
    assert smallest({"torch": 5e6}, metric="host_peak_bytes").outcome == "alone"
    assert smallest({}, metric="host_peak_bytes").outcome == "unknown"


@pytest.mark.parametrize(
    ("metric", "other", "outcome"),
    [
        ("host_peak_bytes", 115e6, "tied"),  # 15 MB is below the least that counts on a host
        ("host_peak_bytes", 117e6, "winner"),
        ("device_peak_bytes", 101.9e6, "tied"),
        ("device_peak_bytes", 103e6, "winner"),
    ],
)
def test_memory_has_a_winner_where_two_runs_of_the_same_code_would_not_differ_as_much(
    metric: str, other: float, outcome: str
) -> None:
    found = smallest({"flax": other, "torch": 100e6}, metric=metric)
    assert found.outcome == outcome
    if outcome == "winner":
        assert found.lead is not None
        assert (found.best, found.rival, found.lead.median) == (("torch",), "flax", other / 100e6)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({0: 0.955, 1: 0.965, 2: 0.945}, "same"),
        ({0: 0.90, 1: 0.91, 2: 0.893}, "different"),
        ({0: 0.99, 1: 0.80, 2: 0.95}, "undecided"),  # far apart, but so are the seeds
        ({0: 0.90}, "undecided"),  # one seed says nothing about chance
    ],
)
def test_quality_is_judged_over_common_seeds(other: dict[int, float], expected: str) -> None:
    found = likeness("accuracy", {"torch": {0: 0.95, 1: 0.96, 2: 0.945}, "flax": other})
    assert found is not None
    assert found.likeness == expected
    assert found.seeds == len(other)


def test_one_framework_has_nothing_to_be_like() -> None:
    assert likeness("accuracy", {"torch": {0: 0.9}}) is None


def test_an_error_may_differ_by_a_share_of_its_mean() -> None:
    same = likeness("mae", {"torch": {0: 100.0}, "flax": {0: 104.0}})
    other = likeness("mae", {"torch": {0: 100.0}, "flax": {0: 106.0}})
    assert same is not None
    assert other is not None
    assert (same.likeness, other.likeness) == ("same", "undecided")
