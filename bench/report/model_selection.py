"""Model selection: all combinations of a grid side by side, as means over folds and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.analysis.learning import deviation
from bench.records.measurement import Learning
from bench.records.record import Record
from bench.report import formatting
from bench.report.layout import Column, Entry, Table, left
from bench.report.quality import words
from bench.report.results import Lane, Results, label_columns, labels, lane
from bench.workload import grid_variants
from bench.workload.recipe import is_better

MEANS = "Mean ± standard deviation over folds and seeds on {where}. Bold: the best choice of each framework."
FLATTERED = "Only the test set was held out, and it made the choice: the best figure is too optimistic."
FOLDS = "Only the first fold is proven equal: all folds have the same network and recipe."


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One choice of one framework: its learning results for all folds and seeds, and the outcomes of other cases."""

    words: str
    lane: Lane
    learnt: tuple[Learning, ...]
    otherwise: tuple[str, ...]

    def mean(self, metric: str) -> float:
        """The mean over folds and seeds, on the data that the choice is based on."""
        return fmean(_held_out(item, metric) for item in self.learnt)


def selection_tables(results: Results) -> list[Table]:
    """One table for each workload whose variants were trained."""
    by_workload: dict[str, list[Record]] = {}
    for record in results.records:
        if grid_variants.is_variant(record.case.workload) and record.case.purpose == "learning":
            by_workload.setdefault(grid_variants.base(record.case.workload), []).append(record)
    return [_table(results, workload, _choices(records)) for workload, records in by_workload.items()]


def _choices(records: Sequence[Record]) -> list[Choice]:
    """The choices, ordered by lane and then by the order of training."""
    groups: dict[tuple[Lane, str], list[Record]] = {}
    for record in records:
        groups.setdefault((lane(record.case), grid_variants.choices(record.case.workload)), []).append(record)
    order = list(dict.fromkeys(row for row, _ in groups))
    return [
        Choice(
            words=chosen or "unchanged",
            lane=row,
            learnt=tuple(
                record.measurement.learning
                for record in items
                if record.outcome == "ok" and record.measurement.learning is not None
            ),
            otherwise=tuple(sorted({record.outcome for record in items} - {"ok"})),
        )
        for (row, chosen), items in sorted(groups.items(), key=lambda item: order.index(item[0][0]))
    ]


def _table(results: Results, workload: str, choices: Sequence[Choice]) -> Table:
    learnt = [learning for choice in choices for learning in choice.learnt]
    metrics = tuple(dict.fromkeys((learnt[0].target_metric, "loss"))) if learnt else ()
    rows = tuple(
        (
            *labels(results, choice.lane),
            Entry(choice.words),
            *(_entry(choice, choices, metric) for metric in metrics),
            Entry(str(len(choice.learnt)), len(choice.learnt)),
            Entry(", ".join(choice.otherwise)),
        )
        for choice in choices
    )
    columns = (
        *label_columns(results),
        *left("choice"),
        *(Column(title=words(metric)) for metric in metrics),
        Column(title="folds × seeds"),
        *left("other outcomes"),
    )
    folds = any("fold=" in record.case.workload for record in results.records)
    return Table(title=f"Model selection: {workload}", columns=columns, rows=rows, notes=_notes(learnt, folds=folds))


def _notes(learnt: Sequence[Learning], *, folds: bool) -> tuple[str, ...]:
    if any(item.evaluated_on == "validation" for item in learnt):
        return (MEANS.format(where="validation data"), *([FOLDS] if folds else []))
    if folds:
        return (MEANS.format(where="the held-out folds"), FOLDS)
    return (MEANS.format(where="the test set"), FLATTERED)


def _held_out(item: Learning, metric: str) -> float:
    """A metric on validation data after the kept epoch; on the test set if there are no validation data."""
    if item.evaluated_on == "test":
        return item.quality[metric]
    kept = item.epochs[(item.restored_epoch or len(item.epochs)) - 1]
    return kept.evaluation_loss if metric == "loss" else kept.evaluation_quality


def _entry(choice: Choice, choices: Sequence[Choice], metric: str) -> Entry:
    if not choice.learnt:
        return Entry(formatting.UNKNOWN)
    mean = choice.mean(metric)
    rivals = [other for other in choices if other.lane == choice.lane and other.learnt]
    best = len(rivals) > 1 and not any(is_better(metric, rival.mean(metric), mean) for rival in rivals)
    spread = deviation([_held_out(item, metric) for item in choice.learnt])
    written = formatting.score(mean) + (f" ± {formatting.significant(spread)}" if spread is not None else "")
    return Entry(written, mean, best)
