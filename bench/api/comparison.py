"""Compares two runs with the rules of `levelfield compare`."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, final

from bench.analysis import calibration
from bench.analysis import compare as analysis
from bench.analysis.memory_and_quality import PEAKS
from bench.api import html
from bench.api.runs import Runs
from bench.errors import PRECEDENCE, ExitCode, NotComparableError, NothingMeasuredError, UsageError
from bench.records import machine_files, named_runs
from bench.records.named_runs import Side
from bench.records.timing_metrics import METRICS
from bench.report import comparison as pages
from bench.report.formatting import one_line

if TYPE_CHECKING:
    import pandas as pd

THRESHOLD_PERCENT = 5.0
LARGEST_PERCENT = 1000
WORDS = {
    ExitCode.FAILED: "failed",
    ExitCode.REGRESSED: "regressed",
    ExitCode.INCONCLUSIVE: "inconclusive",
    ExitCode.NOT_COMPARABLE: "not comparable",
}
Named = Runs | str | Path | Sequence[str | Path]


@final
@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A candidate compared with a baseline, as `levelfield compare` shows it.

    - `found`: the comparison as `bench.analysis.compare` makes it;
    - `title`: what was compared with what;
    - `remarks`: the damaged lines and the unreadable plans in the runs of both sides.
    """

    found: analysis.Comparison
    title: str
    remarks: tuple[str, ...]

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of `levelfield compare` on these runs."""
        codes = (ExitCode(self.found.exit_code), ExitCode.FAILED if self.remarks else ExitCode.DONE)
        return min(codes, key=PRECEDENCE.index)

    @property
    def verdict(self) -> str:
        """The exit code as a word: `regressed`, `inconclusive`, `failed` or `not comparable`.

        Exit code 0 is `improved` if at least one figure is improved, or else `unchanged`.
        """
        verdicts = [row.verdict for row in self.found.rows] + [item.verdict for item in self.found.changes]
        improved = "improved" in verdicts
        return WORDS.get(self.exit_code, "improved" if improved else "unchanged")

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """A row for each figure that both sides have."""
        from bench.api import columns, frames

        doubtful = {*self.found.unreliable_cells}
        times = (
            {
                **frames.cell_columns(row.cell),
                "metric": row.metric,
                "unit": METRICS[row.metric].unit,
                "baseline": row.baseline_s,
                "candidate": row.candidate_s,
                **{name: getattr(row, name) for name in ("ratio", "low", "high", "verdict", "reason")},
                "reliable": row.cell not in doubtful,
            }
            for row in self.found.rows
        )
        others = (
            {
                **frames.cell_columns(item.cell),
                "unit": "B" if item.metric in PEAKS else "",
                **{name: getattr(item, name) for name in ("metric", "baseline", "candidate", "verdict", "reason")},
                "reliable": True,
            }
            for item in self.found.changes
        )
        return frames.table((*times, *others), columns.COMPARISON)

    @cached_property
    def environment(self) -> "pd.DataFrame":
        """A row for each difference between the environments of the two sides."""
        from bench.api import columns, frames

        rows = ({name: getattr(item, name) for name in columns.ENVIRONMENT} for item in self.found.environments)
        return frames.table(rows, columns.ENVIRONMENT)

    def __repr__(self) -> str:
        counts = (f"{number} {verdict}" for verdict, number in self.found.counts.items())
        lines = (f"{self.title}: {self.verdict}", f"times: {', '.join(counts) or 'none in both sides'}", *self.remarks)
        return "\n".join(map(one_line, lines))

    def _repr_html_(self) -> str:
        verdict = f"Verdict: {self.verdict} (exit code {self.exit_code.value})."
        page = pages.report(self.found, title=self.title)
        return "".join((html.line(verdict), *map(html.line, self.remarks), html.report(page)))


def compare(
    baseline: Named,
    candidate: Named,
    *,
    threshold_percent: float = THRESHOLD_PERCENT,
    subset: bool = False,
    results: str | Path | None = None,
) -> Comparison:
    """Compare two runs of one machine, with the verdicts of `levelfield compare`.

    Each side is what `bench.load` returned, or a run: its id or the beginning of it, its folder, its records file, or
    `latest`. Several runs in a list count as one side. `baseline` is the name of the run that was set by `levelfield
    baseline`. `subset` says that the candidate is a part of the baseline on purpose. `results` is the folder of stored
    runs: by default `results`, or the folder that the candidate was loaded from. A selection of `bench.load` does not
    count: runs are compared as a whole.

    Raises NotComparableError if machine or workloads differ so that nothing can be compared, NothingMeasuredError if
    nothing was measured in both, and UsageError for a run that does not exist.
    """
    if not 0 < threshold_percent < LARGEST_PERCENT:
        raise UsageError(
            f"threshold_percent: found {threshold_percent:g}, expected percent above 0 and below {LARGEST_PERCENT}"
        )
    told = [line for side in (baseline, candidate) for line in _not_used(side)]
    damaged: list[str] = []
    place = Path(results) if results is not None else _place(candidate)
    after = _side(candidate, place, damaged, machine=None)
    machine = named_runs.machine_of(after.records)
    before = _side(baseline, place, damaged, machine=machine)
    calibrated = None if place is None else machine_files.load_calibration(place, machine)
    found = analysis.compare(
        before.records,
        after.records,
        threshold=threshold_percent / 100,
        calibration=calibration.spreads_in(calibrated),
        incomplete=analysis.Incomplete(baseline=before.unmeasured, candidate=after.unmeasured, subset=subset),
    )
    title = pages.TITLE.format(baseline=_names(before), candidate=_names(after))
    _check(found, title)
    same = [f"{title}: these are the same run: nothing can differ"] if before.records == after.records else []
    for line in (*damaged, *told, *same):
        warnings.warn(line, stacklevel=2)
    return Comparison(found=found, title=title, remarks=tuple(damaged))


def _not_used(side: Named) -> list[str]:
    """A remark on a selection, which would hide what one of the sides lacks."""
    chosen = ", ".join(side.selection) if isinstance(side, Runs) else ""
    return [f"compare: the selection ({chosen}) is not used: runs are compared as a whole"] if chosen else []


def _place(side: Named) -> Path | None:
    """The folder of results that a side was loaded from; None if its records file is in no such folder."""
    return next(iter(side.stored)).results if isinstance(side, Runs) else Path("results")


def _side(named: Named, results: Path | None, damaged: list[str], *, machine: str | None) -> Side:
    """The records of a side, and what it planned and never measured; what could not be read goes to `damaged`."""
    if isinstance(named, Runs):
        damaged += named.damaged
        return named_runs.side(named.stored, warn=damaged.append)
    names = (named,) if isinstance(named, str | Path) else named
    place = Path("results") if results is None else results
    return named_runs.read_side(tuple(map(str, names)), results=place, machine=machine, warn=damaged.append)


def _names(side: Side) -> str:
    return ", ".join(dict.fromkeys(record.run for record in side.records))


def _check(found: analysis.Comparison, title: str) -> None:
    """Raise an error if there is no figure to show."""
    if found.rows or found.changes:
        return
    remedy = "choose two runs of the same workloads on one machine: `levelfield list runs` shows them"
    if found.not_comparable:
        raise NotComparableError(f"{title}: not comparable: {'; '.join(found.not_comparable)}; {remedy}")
    apart = "; ".join(("found nothing that was measured in both", *found.apart))
    raise NothingMeasuredError(f"{title}: {apart}; {remedy}")
