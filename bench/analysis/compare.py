"""Baseline against candidate: for each cell and metric a ratio of times, its interval, and one of four verdicts."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bench.analysis import memory_and_quality, paired
from bench.analysis.comparable import Differences, differences, newly_failed
from bench.analysis.memory_and_quality import Change, Verdict
from bench.analysis.verdicts import CONFIDENCE, Common, Row, Spreads, Times, judge
from bench.errors import PRECEDENCE, ExitCode
from bench.records.cell import Cell
from bench.records.measurement import Block
from bench.records.record import Record
from bench.records.timing_metrics import METRICS, timed_blocks, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs side by side.

    `in_turns` says whether processes were timed in turns, so that pairs of them are compared; rows of others say so.
    `noise_percent` is the pooled standard deviation of their log ratios, or else of process medians inside a run,
    `drift_percent` what runs differ by beyond it, `detectable_ratio` the smallest slowdown that a typical cell shows in
    four of five comparisons. `common` is what these rows share: a slowdown of everything shows there first. None where
    unknown. `changes` are peaks of memory and metrics of quality; `counts` are the verdicts of rows. The exit code
    minds both.
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
    counts: dict[Verdict, int]
    exit_code: int


def compare(
    baseline: Sequence[Record],
    candidate: Sequence[Record],
    *,
    threshold: float,
    confidence: float = CONFIDENCE,
    calibration: Spreads = MappingProxyType({}),
) -> Comparison:
    """Every cell and compared metric of two runs, with the exit code that says it in one number.

    `calibration` is how far the processes of these cells were apart when the machine was measured against itself.

    A slowdown counts as regressed when the ratio is above 1 + `threshold` and the interval, corrected for the number of
    comparisons, lies above 1; improved is its mirror. Unchanged means that this cell's own interval, not corrected,
    stays within the threshold. Everything else is inconclusive. All cells together are judged alike, and take half of
    the error that is allowed; they count for a regression alone.
    """
    found = differences(baseline, candidate)
    before, after = timed_blocks(baseline), timed_blocks(candidate)
    common = [cell for cell in before if cell in after and not found.excludes(cell)]
    sides = times(before, common), times(after, common)
    in_turns = paired.effects(baseline, candidate)
    judged = judge(*sides, threshold=threshold, confidence=confidence, calibration=calibration, in_turns=in_turns)
    rows = judged.rows
    failed = newly_failed(baseline, candidate)
    changes = _changes(baseline, candidate, found)
    counts = Counter(row.verdict for row in rows)
    verdicts = counts + Counter(item.verdict for item in changes)
    return Comparison(
        rows=rows,
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
        newly_failed=failed,
        counts=dict(counts),
        exit_code=_exit_code(verdicts, judged.common, not_comparable=found.reasons, newly_failed=failed),
    )


def _changes(baseline: Sequence[Record], candidate: Sequence[Record], found: Differences) -> tuple[Change, ...]:
    changes = (*memory_and_quality.memory(baseline, candidate), *memory_and_quality.quality(baseline, candidate))
    return tuple(item for item in changes if not found.excludes(item.cell))


def times(blocks: Mapping[Cell, Sequence[Block]], common: Sequence[Cell]) -> Times:
    """The process values of every compared metric; a value that a process does not have is not a number."""
    return {
        (cell, metric.name): tuple(value(metric, block) or math.nan for block in blocks[cell])
        for cell in common
        for metric in METRICS.values()
        if metric.compared and cell.scenario in metric.scenarios
    }


def _exit_code(
    counts: Counter[Verdict], common: Common | None, *, not_comparable: Sequence[str], newly_failed: Sequence[str]
) -> int:
    """The first of PRECEDENCE that holds."""
    holds = {
        ExitCode.NOT_COMPARABLE: bool(not_comparable),
        ExitCode.REGRESSED: counts["regressed"] > 0 or (common is not None and common.verdict == "regressed"),
        ExitCode.FAILED: bool(newly_failed),
        ExitCode.NOTHING_MEASURED: not counts,
        ExitCode.INCONCLUSIVE: counts["inconclusive"] > 0,
        ExitCode.DONE: True,
    }
    return next(code for code in PRECEDENCE if holds.get(code))
