"""Logarithmic axes have enough numbers to read a value, and no overlapping ones."""

import pytest
from matplotlib.figure import Figure

from bench.report.style import decades, engineering


def numbers(low: float, high: float, *, fine: float = 4.0) -> list[str]:
    """The numbers shown on an axis from `low` to `high`."""
    axes = Figure().subplots()
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    decades(axes.yaxis, engineering(), fine=fine)
    assert not list(axes.yaxis.get_minorticklocs())
    texts = axes.yaxis.get_major_formatter().format_ticks(list(axes.yaxis.get_majorticklocs()))
    return [text for text, at in zip(texts, axes.yaxis.get_majorticklocs(), strict=True) if low <= at <= high]


@pytest.mark.parametrize(
    ("low", "high", "seen"),
    [
        (390e12, 810e12, ["400T", "500T", "600T", "700T", "800T"]),
        (38e9, 180e9, ["50G", "70G", "100G"]),
        (0.9e9, 110e9, ["1G", "2G", "5G", "10G", "20G", "50G", "100G"]),
        (0.9e6, 110e9, ["1M", "10M", "100M", "1G", "10G", "100G"]),
    ],
)
def test_numbers_are_as_many_as_can_be_read(low: float, high: float, seen: list[str]) -> None:
    assert numbers(low, high) == seen


def test_numbers_side_by_side_are_fewer() -> None:
    assert numbers(0.9, 1100, fine=2.0) == ["1", "10", "100", "1k"]
