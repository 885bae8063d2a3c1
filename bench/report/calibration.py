"""The calibrated noise of a machine, as a table."""

from bench.analysis.calibration import PLANTED, Calibration, Rate
from bench.analysis.self_check import SIDE
from bench.report import formatting
from bench.report.layout import Entry, Table, left


def table(found: Calibration) -> Table:
    """Spreads, rates with their bounds, and the smallest slowdown that a comparison detects."""
    changed = f"{PLANTED - 1:.0%}"
    facts = {
        "noise within a process": f"±{found.within_percent:.2f} % (95 % interval of the median call time)",
        "noise between processes": "n/a (every run has one process per cell)"
        if found.between_percent is None
        else f"{found.between_percent:.1f} % (pooled standard deviation of process medians)",
        "noise of interleaved pairs": f"{found.pair_percent:.1f} % (pooled standard deviation of their ratios)",
        "false alarms": _bounded(found.alarms, at_most=True),
        "inconclusive": _bounded(found.inconclusive, at_most=True),
        f"detected when one cell is {changed} slower": _bounded(found.slowdowns, at_most=False),
        f"detected when one cell is {changed} faster": _bounded(found.speedups, at_most=False),
        "smallest detectable slowdown": f"{formatting.ratio(found.detectable_ratio)} the time, with 80 % probability",
    }
    sides = f"{found.comparisons} comparisons of {SIDE} pairs"
    pairs = f"{found.pairs} interleaved pairs of processes for each cell, in {sides}"
    return Table(
        title=f"{found.machine} compared with itself",
        columns=left("what", "value"),
        rows=tuple((Entry(what), Entry(value)) for what, value in facts.items()),
        notes=(
            f"{pairs}; threshold {found.threshold:.0%}; run {found.run}.",
            "The verdicts of one comparison share the same minutes: the bounds are too narrow if the machine drifts.",
        ),
    )


def _bounded(rate: Rate, *, at_most: bool) -> str:
    bound = f"at most {rate.high:.1%}" if at_most else f"at least {rate.low:.1%}"
    return f"{rate.found} of {rate.of} ({bound}, with 95 % confidence)"
