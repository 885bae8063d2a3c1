"""Candidate compared with baseline: for each cell and metric a ratio of times, its interval, and a verdict."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bench.analysis import environments, load_changes, memory_and_quality, paired
from bench.analysis.comparable import Differences, Failure, differences, newly_failed, nothing_in_common
from bench.analysis.environments import EnvironmentDifference
from bench.analysis.memory_and_quality import Change, Verdict
from bench.analysis.missing import WHAT, Missing, What, missing, unstored
from bench.analysis.reliability import cell_doubts
from bench.analysis.verdicts import CONFIDENCE, Common, Row, Spreads, Times, judge
from bench.errors import PRECEDENCE, ExitCode
from bench.records.cell import Cell
from bench.records.measurement import Block
from bench.records.record import Case, Record
from bench.records.timing_metrics import METRICS, timed_blocks, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The comparison of two runs.

    - `in_turns`: whether processes were timed in interleaved pairs. Rows of cells that were not have a reason.
    - `noise_percent`: the pooled standard deviation of the ratios of pairs, or of process medians within a run.
    - `drift_percent`: the additional difference between runs.
    - `detectable_ratio`: the smallest slowdown of a typical cell that is detected with 80 % probability.
    - `common`: all rows together; a slowdown of everything is visible there first.
    - `changes`: memory peaks and quality metrics.
    - `missing`: what the baseline has and the candidate lacks, and what the candidate planned but never stored.
    - `left_out`: what the candidate lacks because it is a subset on purpose.
    - `new`: what only the candidate has.
    - `unfinished`: what the baseline planned but never stored.
    - `apart`: if nothing was compared, what tells the two sides apart.
    - `counts`: the number of rows for each verdict.
    - `environments`: in what the environments of the two sides differ, such as variables of the shell and versions.
    - `unreliable`: the compared cells whose figures cannot be relied on, each with its side and the reason.
    - `unreliable_cells`: the cells of these lines; one that both sides doubt is there twice.
    - `processes`: the largest number of processes that timed a compared cell on one side.

    Unknown values are None. The exit code depends on rows, changes, what is missing, and what newly failed.
    """

    rows: tuple[Row, ...]
    changes: tuple[Change, ...]
    threshold: float
    confidence: float
    in_turns: bool
    noise_percent: float | None
    drift_percent: float | None
    detectable_ratio: float | None
    common: Common | None
    only_in_baseline: tuple[Cell, ...]
    only_in_candidate: tuple[Cell, ...]
    not_comparable: tuple[str, ...]
    newly_failed: tuple[str, ...]
    missing: tuple[Missing, ...]
    left_out: tuple[Missing, ...]
    new: tuple[Missing, ...]
    unfinished: tuple[Missing, ...]
    apart: tuple[str, ...]
    counts: dict[Verdict, int]
    exit_code: int
    environments: tuple[EnvironmentDifference, ...] = ()
    unreliable: tuple[str, ...] = ()
    unreliable_cells: tuple[Cell, ...] = ()
    processes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Incomplete:
    """What each side planned but has no record of, and whether the candidate is a subset on purpose."""

    baseline: tuple[Case, ...] = ()
    candidate: tuple[Case, ...] = ()
    subset: bool = False


def compare(  # noqa: PLR0913 (the inputs of a comparison)
    baseline: Sequence[Record],
    candidate: Sequence[Record],
    *,
    threshold: float,
    confidence: float = CONFIDENCE,
    calibration: Spreads = MappingProxyType({}),
    incomplete: Incomplete = Incomplete(),
) -> Comparison:
    """The verdicts on every cell and compared metric of two runs, and the exit code.

    `calibration` has the spread of processes of these cells from the calibration of the machine. A cell is regressed if
    its ratio is above 1 + `threshold` and its interval, corrected for the number of comparisons, is above 1; improved
    is the reverse. It is unchanged if its own interval, not corrected, is within the threshold. All other cells are
    inconclusive. All cells together get a verdict in the same way, with half of the allowed error rate; only their
    regression changes the exit code. What the candidate lacks ends with 1. See `Incomplete`.
    """
    found = differences(baseline, candidate)
    before, after = timed_blocks(baseline), timed_blocks(candidate)
    common = [cell for cell in before if cell in after and not found.excludes(cell)]
    judged = judge(
        times(before, common),
        times(after, common),
        threshold=threshold,
        confidence=confidence,
        calibration=calibration,
        in_turns=paired.effects(baseline, candidate),
    )
    failed = newly_failed(baseline, candidate)
    changes = _changes(baseline, candidate, found)
    verdicts = Counter([*(row.verdict for row in judged.rows), *(item.verdict for item in changes)])
    vanished, left_out = _lost(baseline, candidate, incomplete=incomplete, told=_told(failed, found))
    wrong = failed or (vanished if verdicts else ())
    doubts = _unreliable(common, baseline=baseline, candidate=candidate)
    return Comparison(
        rows=judged.rows,
        changes=changes,
        threshold=threshold,
        confidence=confidence,
        in_turns=judged.in_turns,
        noise_percent=None if judged.noise is None else 100 * math.expm1(math.sqrt(judged.noise.pooled.variance)),
        drift_percent=None if judged.noise is None else 100 * math.expm1(math.sqrt(judged.noise.drift)),
        detectable_ratio=judged.detectable_ratio,
        common=judged.common,
        only_in_baseline=tuple(cell for cell in before if cell not in after),
        only_in_candidate=tuple(cell for cell in after if cell not in before),
        not_comparable=found.reasons,
        newly_failed=tuple(map(str, failed)),
        missing=vanished,
        left_out=left_out,
        new=missing(candidate, baseline),
        unfinished=unstored(incomplete.baseline),
        apart=() if verdicts else nothing_in_common(baseline, candidate),
        counts=dict(Counter(row.verdict for row in judged.rows)),
        exit_code=_exit_code(verdicts, judged.common, not_comparable=found.reasons, failed=wrong),
        environments=environments.differences(baseline, candidate),
        unreliable=tuple(doubts.values()),
        unreliable_cells=tuple(cell for _, cell in doubts),
        processes=max((len(blocks[cell]) for blocks in (before, after) for cell in common), default=0),
    )


def _unreliable(common: Sequence[Cell], **sides: Sequence[Record]) -> dict[tuple[str, Cell], str]:
    """By side and compared cell a line about figures that cannot be relied on."""
    by_side = {side: cell_doubts(records, timed_blocks(records)) for side, records in sides.items()}
    return {
        (side, cell): f"{cell.place}: {doubts[cell].reason} in the {side} ({doubts[cell].words})"
        for side, doubts in by_side.items()
        for cell in common
        if cell in doubts
    }


def _lost(
    baseline: Sequence[Record], candidate: Sequence[Record], *, incomplete: Incomplete, told: set[tuple[What, Cell]]
) -> tuple[tuple[Missing, ...], tuple[Missing, ...]]:
    """What vanished, and what a subset left out on purpose."""
    lost = missing(baseline, candidate, unmeasured=incomplete.candidate, told=told)
    subset = incomplete.subset
    vanished = tuple(item for item in lost if item.planned or not subset)
    return vanished, tuple(item for item in lost if subset and not item.planned)


def _told(failed: Sequence[Failure], found: Differences) -> set[tuple[What, Cell]]:
    """What is reported as a failure, or as not comparable, and is therefore not reported as missing."""
    lost: set[tuple[What, Cell]] = {(WHAT[item.purpose], cell) for item in failed for cell in item.cells}
    return lost | {("proof", cell) for cell in found.cells}


def _changes(baseline: Sequence[Record], candidate: Sequence[Record], found: Differences) -> tuple[Change, ...]:
    changes = (
        *load_changes.changes(baseline, candidate),
        *memory_and_quality.memory(baseline, candidate),
        *memory_and_quality.quality(baseline, candidate),
    )
    return tuple(item for item in changes if not found.excludes(item.cell))


def times(blocks: Mapping[Cell, Sequence[Block]], common: Sequence[Cell]) -> Times:
    """The values of all processes for every compared metric; NaN if a process has no value."""
    return {
        (cell, metric.name): tuple(value(metric, block) or math.nan for block in blocks[cell])
        for cell in common
        for metric in METRICS.values()
        if metric.compared and cell.scenario in metric.scenarios
    }


def _exit_code(
    counts: Counter[Verdict], common: Common | None, *, not_comparable: Sequence[str], failed: Sequence[object]
) -> int:
    """The first exit code in PRECEDENCE whose condition holds."""
    holds = {
        ExitCode.NOT_COMPARABLE: bool(not_comparable),
        ExitCode.REGRESSED: counts["regressed"] > 0 or (common is not None and common.verdict == "regressed"),
        ExitCode.FAILED: bool(failed),
        ExitCode.NOTHING_MEASURED: not counts,
        ExitCode.INCONCLUSIVE: counts["inconclusive"] > 0,
        ExitCode.DONE: True,
    }
    return next(code for code in PRECEDENCE if holds.get(code))
