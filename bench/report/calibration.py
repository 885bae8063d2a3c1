"""What is known of a machine's noise, as a table."""

from bench.analysis.calibration import PLANTED, Calibration, Rate
from bench.analysis.self_check import SIDE
from bench.report import formatting
from bench.report.layout import Entry, Table, left


def table(found: Calibration) -> Table:
    """Spreads, rates with their bounds, and the smallest change that would be found."""
    changed = f"{PLANTED - 1:.0%}"
    facts = {
        "inside a process": f"±{found.within_percent:.2f} % (95 % interval of the median of its calls)",
        "between processes": "n/a (a single one in every run)"
        if found.between_percent is None
        else f"{found.between_percent:.1f} % (pooled standard deviation of their medians)",
        "pairs in turns": f"{found.pair_percent:.1f} % (pooled standard deviation of their ratios)",
        "false alarms": _bounded(found.alarms, at_most=True),
        "inconclusive": _bounded(found.inconclusive, at_most=True),
        f"a cell {changed} slower is found": _bounded(found.slowdowns, at_most=False),
        f"a cell {changed} faster is found": _bounded(found.speedups, at_most=False),
        "found four times in five": f"a cell that is {formatting.ratio(found.detectable_ratio)} as slow",
    }
    sides = f"{found.pairs} pairs of processes for each cell, in turns, in {found.comparisons} comparisons of {SIDE}"
    return Table(
        title=f"{found.machine} against itself",
        columns=left("what", "value"),
        rows=tuple((Entry(what), Entry(value)) for what, value in facts.items()),
        notes=(
            f"{sides}; threshold {found.threshold:.0%}; run {found.run}.",
            "Verdicts of one comparison share a moment of the machine: bounds are too narrow where it drifts.",
        ),
    )


def _bounded(rate: Rate, *, at_most: bool) -> str:
    bound = f"at most {rate.high:.1%}" if at_most else f"at least {rate.low:.1%}"
    return f"{rate.found} of {rate.of} ({bound}, with 95 % confidence)"
