"""The calibrated noise of a machine is shown with the bounds of each rate."""

from dataclasses import replace

from bench.analysis.calibration import Calibration, Rate
from bench.report.calibration import table
from tests.bench.report.report_reader import column, is_noted

KNOWN = Calibration(
    machine="i7-2c-1f3a",
    run="run-1",
    when="2026-01-01",
    threshold=0.05,
    pairs=25,
    comparisons=5,
    within_percent=0.4,
    between_percent=2.34,
    pair_percent=1.5,
    detectable_ratio=1.08,
    alarms=Rate(found=1, of=170, low=0.001, high=0.0276),
    inconclusive=Rate(found=2, of=170, low=0.002, high=0.03),
    slowdowns=Rate(found=150, of=160, low=0.9, high=0.98),
    speedups=Rate(found=155, of=160, low=0.93, high=0.99),
    known=(),
)


def facts(found: Calibration) -> dict[str, str]:
    shown = table(found)
    return dict(zip(column(shown, "what"), column(shown, "value"), strict=True))


def test_false_alarms_have_an_upper_bound_and_detections_a_lower_one() -> None:
    shown = facts(KNOWN)
    assert shown["false alarms"] == "1 of 170 (at most 2.8%, with 95 % confidence)"
    assert shown["detected when one cell is 10% slower"] == "150 of 160 (at least 90.0%, with 95 % confidence)"
    assert shown["smallest detectable slowdown"] == "1.08× the time, with 80 % probability"
    assert is_noted(table(KNOWN), "25 interleaved pairs of processes for each cell, in 5 comparisons of 5 pairs;")


def test_noise_between_processes_is_unknown_with_one_process_in_every_run() -> None:
    assert facts(KNOWN)["noise between processes"].startswith("2.3 %")
    assert (
        facts(replace(KNOWN, between_percent=None))["noise between processes"]
        == "n/a (every run has one process per cell)"
    )
