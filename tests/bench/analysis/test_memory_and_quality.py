"""Memory and quality are compared by fixed rules; a difference that may be chance is inconclusive."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bench.analysis import memory_and_quality
from bench.analysis.compare import compare
from bench.analysis.memory_and_quality import Change
from bench.records.measurement import Measurement, Memory
from bench.records.record import Record
from tests.bench.sample_records import learning, quick_run, record

MB = 1_000_000


def peak(host: int | None, *, device: int | None = None) -> list[Record]:
    """The record of one memory process, with these peaks."""
    found = Memory(
        batch_size=32, host_peak_bytes=host, host_baseline_bytes=0, device_peak_bytes=device, nvml_used_bytes=None
    )
    return [record(purpose="memory", measurement=Measurement(memory=(found,)))]


def learnt(*accuracies: float, metric: str = "accuracy") -> list[Record]:
    """Records of one network with these final qualities, one for each seed."""
    return [
        record(
            purpose="learning",
            seed=seed,
            measurement=Measurement(
                learning=replace(learning(seed=seed), target_metric=metric, quality={metric: accuracy})
            ),
        )
        for seed, accuracy in enumerate(accuracies)
    ]


def verdicts(found: Sequence[Change]) -> list[str]:
    return [item.verdict for item in found]


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (100 * MB, 112 * MB, "unchanged"),  # two runs of the same code have differed by so much
        (100 * MB, 119 * MB, "regressed"),
        (119 * MB, 100 * MB, "improved"),
        (1000 * MB, 1140 * MB, "unchanged"),
        (1000 * MB, 1160 * MB, "regressed"),
        (2 * MB, 17 * MB, "unchanged"),  # less than a process uses for other purposes
    ],
)
def test_a_host_peak_changes_if_it_differs_by_a_share_and_by_megabytes(before: int, after: int, verdict: str) -> None:
    assert verdicts(memory_and_quality.memory(peak(before), peak(after))) == [verdict]


def test_device_peaks_have_a_narrow_limit_and_unknown_ones_are_not_compared() -> None:
    found = memory_and_quality.memory(peak(None, device=100 * MB), peak(None, device=103 * MB))
    assert [(item.metric, item.verdict) for item in found] == [("device_peak_bytes", "regressed")]
    assert verdicts(memory_and_quality.memory(peak(None, device=100 * MB), peak(None, device=101 * MB))) == [
        "unchanged"
    ]
    assert memory_and_quality.memory(peak(100 * MB), peak(None)) == ()


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ([0.97], [0.97], "unchanged"),
        ([0.97], [0.975], "unchanged"),
        ([0.97], [0.95], "inconclusive"),  # with one seed this may be chance
        ([0.97], [0.10], "regressed"),  # even with one seed this is not chance
        ([0.10], [0.97], "improved"),
        ([0.97], [float("nan")], "regressed"),
        ([float("nan")], [float("nan")], "inconclusive"),
        ([0.970, 0.972, 0.968], [0.971, 0.971, 0.969], "unchanged"),
        ([0.970, 0.972, 0.968], [0.940, 0.941, 0.939], "regressed"),
        ([0.940, 0.941, 0.939], [0.970, 0.972, 0.968], "improved"),
        ([0.970, 0.972, 0.968], [0.930, 0.990, 0.960], "inconclusive"),
    ],
)
def test_quality_changes_only_if_seeds_do_not_explain_it(before: list[float], after: list[float], verdict: str) -> None:
    assert verdicts(memory_and_quality.quality(learnt(*before), learnt(*after))) == [verdict]


def test_a_larger_error_is_a_regression() -> None:
    before, after = learnt(100.0, 101.0, 99.0, metric="mae"), learnt(120.0, 121.5, 119.0, metric="mae")
    assert verdicts(memory_and_quality.quality(before, after)) == ["regressed"]
    assert verdicts(memory_and_quality.quality(after, before)) == ["improved"]


def test_a_change_of_an_error_is_relative() -> None:
    before, after = learnt(0.0020, 0.0021, 0.0019, metric="mae"), learnt(0.010, 0.0101, 0.0099, metric="mae")
    assert verdicts(memory_and_quality.quality(before, after)) == ["regressed"]
    close = learnt(0.00201, 0.0021, 0.00191, metric="mae")
    assert verdicts(memory_and_quality.quality(before, close)) == ["unchanged"]


def test_an_error_with_one_seed_is_inconclusive() -> None:
    assert verdicts(memory_and_quality.quality(learnt(6.2, metric="mae"), learnt(42.7, metric="mae"))) == [
        "inconclusive"
    ]


def test_only_common_seeds_are_compared() -> None:
    (found,) = memory_and_quality.quality(learnt(0.9, 0.8), learnt(0.9))
    assert (found.baseline, found.candidate, found.verdict) == (0.9, 0.9, "unchanged")
    other = [replace(item, case=replace(item.case, seed=7)) for item in learnt(0.9)]
    assert verdicts(memory_and_quality.quality(learnt(0.9), other)) == ["inconclusive"]


def test_a_comparison_ends_with_3_if_memory_or_quality_regressed() -> None:
    times = quick_run()
    same = compare(times, times, threshold=0.05)
    assert same.exit_code != 3
    assert len(same.changes) == 36 + 9
    assert set(verdicts(same.changes)) == {"unchanged"}
    for before, after in ((peak(100 * MB), peak(200 * MB)), (learnt(0.97), learnt(0.1))):
        found = compare([*times, *before], [*times, *after], threshold=0.05)
        assert found.exit_code == 3
        assert verdicts(found.changes).count("regressed") == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_each_run_of_a_side_counts_in_any_order(order: tuple[int, int]) -> None:
    """A dictionary without the run would compare only the last of them."""
    before = learnt(0.97)
    runs = [[replace(item, run=f"run-{accuracy}") for item in learnt(accuracy)] for accuracy in (0.97, 0.4)]
    (found,) = memory_and_quality.quality(before, [item for number in order for item in runs[number]])
    assert found.verdict == "regressed"
    assert "the runs of the candidate differ at seed 0: " in found.reason
    assert "0.4 in run-0.4" in found.reason
    (same,) = memory_and_quality.quality(before, [*runs[0], *before])
    assert (same.verdict, "differ" in same.reason) == ("unchanged", False)


def test_runs_of_a_side_that_differ_are_never_unchanged() -> None:
    """Of ten runs with one bad one the mean is almost that of good ones."""
    good = [replace(item, run=f"run-{number}") for number in range(20) for item in learnt(0.97)]
    bad = [replace(item, run="bad") for item in learnt(0.90)]
    assert verdicts(memory_and_quality.quality(learnt(0.97), [*good, *bad])) == ["inconclusive"]
    assert verdicts(memory_and_quality.quality(learnt(0.97), good)) == ["unchanged"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_highest_peak_of_the_runs_of_a_side_counts_in_any_order(order: tuple[int, int]) -> None:
    runs = [[replace(item, run=f"run-{size}") for item in peak(size)] for size in (100 * MB, 300 * MB)]
    several = [item for number in order for item in runs[number]]
    assert verdicts(memory_and_quality.memory(peak(100 * MB), several)) == ["regressed"]
    assert verdicts(memory_and_quality.memory(peak(300 * MB), several)) == ["unchanged"]
