"""Tables of how training went: what curves show, bands, contenders against each other, confusion, thresholds."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from bench.analysis.learning import RULES, diagnose, differences, interval, place
from bench.records.measurement import Learning
from bench.report import formatting
from bench.report.layout import Column, Entry, Table, left
from bench.report.quality import learnt, words
from bench.report.results import Lane, Results, label_columns, labels, workloads

Matrix = tuple[tuple[int, ...], ...]

MOST_CLASSES = 20  # of a confusion matrix in print
MOST_ERRORS = 5


def band_table(results: Results) -> Table:
    """Each workload that has a band: where every contender is, as a mean over seeds."""
    rows = []
    sources: dict[str, None] = {}
    for workload in workloads(results):
        for row, items in learnt(results, workload).items():
            band = items[0].band if items else None
            if band is None:
                continue
            values = [item.quality[band.metric] for item in items if band.metric in item.quality]
            mean = fmean(values) if values else float("nan")
            found = place(band, mean)
            rows.append(
                (
                    Entry(workload),
                    *labels(results, row),
                    Entry(words(band.metric)),
                    Entry(formatting.score(mean), mean),
                    Entry(f"{formatting.score(band.lowest)} to {formatting.score(band.highest)}"),
                    Entry(found if found != "missed" else "MISSED"),
                    Entry(str(len(values)), len(values)),
                )
            )
            sources[f"{workload}: {band.source}."] = None
    columns = (
        *left("workload"),
        *label_columns(results),
        *left("metric"),
        Column(title="mean on the test set"),
        Column(title="band"),
        *left("verdict"),
        Column(title="seeds"),
    )
    return Table(title="Expected quality", columns=columns, rows=tuple(rows), notes=tuple(sources))


def training_table(results: Results, workload: str) -> Table:
    """How training went: the last losses, the epoch that was kept, and what the curve shows."""
    rows = []
    shown = {}
    for row, items in learnt(results, workload).items():
        for item in items[:1]:
            found = diagnose(item)
            shown[found] = RULES[found]
            last = item.epochs[-1]
            rows.append(
                (
                    *labels(results, row),
                    Entry(formatting.significant(last.train_loss), last.train_loss),
                    Entry(formatting.significant(last.evaluation_loss), last.evaluation_loss),
                    Entry(str(len(item.epochs)) + (" (stopped early)" if item.stopped_early else ""), len(item.epochs)),
                    Entry(str(item.restored_epoch) if item.restored_epoch else "last"),
                    Entry(found),
                )
            )
    columns = (
        *label_columns(results),
        Column(title="training loss"),
        Column(title="evaluation loss"),
        Column(title="epochs"),
        Column(title="kept epoch"),
        *left("curve"),
    )
    notes = ("First seed, losses of the last epoch.", *(f"{name}: {rule}." for name, rule in shown.items()))
    return Table(title="How training went", columns=columns, rows=tuple(rows), notes=notes if rows else ())


def difference_table(results: Results, workload: str) -> Table:
    """Whether contenders differ beyond chance in the workload's metric, over the same seeds."""
    found = {row: items for row, items in learnt(results, workload).items() if items}
    metric = next((items[0].target_metric for items in found.values()), "")
    by_seed = {
        _name(results, row): {item.seed: item.quality[metric] for item in items if metric in item.quality}
        for row, items in found.items()
    }
    rows = tuple(
        (
            Entry(item.first),
            Entry(item.second),
            Entry(f"{item.mean:+.4f}", item.mean),
            Entry(formatting.significant(item.probability), item.probability),
            Entry("DIFFERENT" if item.is_significant else "equal within chance"),
        )
        for item in differences(by_seed)
    )
    columns = (*left("contender", "against"), Column(title=words(metric)), Column(title="p"), *left("verdict"))
    notes = (*_intervals(by_seed), "Student's paired t test over seeds, corrected by Holm.") if rows else ()
    return Table(title="Do they learn the same?", columns=columns, rows=rows, notes=notes)


def confusion_table(results: Results, workload: str) -> Table:
    """The confusion matrices of the first seed; contenders that have the same are named together."""
    rows: list[tuple[Entry, ...]] = []
    ends: list[int] = []
    known: Sequence[str] = ()
    for matrix, found in _matrices(results, workload).items():
        names = found[0][1].labels or tuple(map(str, range(len(matrix))))
        known = names if len(names) > len(known) else known
        joined = _together(results, [row for row, _ in found])
        for number, counts in enumerate(matrix):
            rows.append((*joined, Entry(names[number]), *(Entry(str(count), count) for count in counts)))
        ends.append(len(rows) - 1)
    columns = (*label_columns(results), Column(title="class"), *(Column(title=f"as {name}") for name in known))
    return Table(
        title="Confusion matrix on the test set", columns=columns, rows=tuple(rows), notes=(), groups=frozenset(ends)
    )


def _together(results: Results, rows: Sequence[Lane]) -> tuple[Entry, ...]:
    """The names of lanes that have the same to show."""
    columns = zip(*(labels(results, row) for row in rows), strict=True)
    return tuple(Entry(", ".join(dict.fromkeys(entry.text for entry in column))) for column in columns)


def _matrices(results: Results, workload: str) -> dict[Matrix, list[tuple[Lane, Learning]]]:
    """Who has which matrix, where there is room to show it."""
    found: dict[Matrix, list[tuple[Lane, Learning]]] = {}
    for row, items in learnt(results, workload).items():
        matrix = items[0].judgement.confusion if items and items[0].judgement else None
        if matrix is not None and len(matrix) <= MOST_CLASSES:
            found.setdefault(matrix, []).append((row, items[0]))
    return found


def class_table(results: Results, workload: str) -> Table:
    """The classification report of the first seed: precision, recall and F1 of each class, and its samples."""
    rows: list[tuple[Entry, ...]] = []
    ends: list[int] = []
    for found in _matrices(results, workload).values():
        item = found[0][1]
        scores = item.judgement.by_class if item.judgement else ()
        for number, score in enumerate(scores):
            figures = (score.precision, score.recall, score.f1)
            rows.append(
                (
                    *_together(results, [row for row, _ in found]),
                    Entry(item.labels[number] if item.labels else str(number)),
                    *(Entry(formatting.score(value), value) for value in figures),
                    Entry(str(score.samples), score.samples),
                )
            )
        ends.append(len(rows) - 1)
    titles = ("class", "precision", "recall", "f1", "samples")
    columns = (*label_columns(results), *(Column(title=title) for title in titles))
    return Table(
        title="Classification report on the test set", columns=columns, rows=tuple(rows), groups=frozenset(ends)
    )


def threshold_table(results: Results, workload: str) -> Table:
    """The threshold with the best F1 and what it gives, where there are two classes."""
    rows = []
    chosen = {}
    for row, items in learnt(results, workload).items():
        threshold = items[0].judgement.threshold if items and items[0].judgement else None
        if threshold is None:
            continue
        chosen[
            f"The threshold with the best F1 on {threshold.chosen_on} data; the other figures are of the test set."
        ] = 0
        figures = (threshold.value, threshold.accuracy, threshold.precision, threshold.recall, threshold.f1)
        rows.append((*labels(results, row), *(Entry(formatting.score(value), value) for value in figures)))
    titles = ("threshold", "accuracy", "precision", "recall", "f1")
    columns = (*label_columns(results), *(Column(title=title) for title in titles))
    return Table(title="Threshold", columns=columns, rows=tuple(rows), notes=tuple(chosen))


def naive_table(results: Results, workload: str) -> Table:
    """Errors beside those of the forecast that a sequence goes on as it ended."""
    rows = []
    for row, items in learnt(results, workload).items():
        naive = items[0].judgement.naive if items and items[0].judgement else {}
        for name, value in naive.items():
            found = fmean(item.quality[name] for item in items)
            ratio = found / value if value else float("nan")
            figures = (Entry(formatting.score(found), found), Entry(formatting.score(value), value))
            rows.append((*labels(results, row), Entry(words(name)), *figures, Entry(formatting.score(ratio), ratio)))
    columns = (
        *label_columns(results),
        *left("metric"),
        Column(title="here"),
        Column(title="naive forecast"),
        Column(title="ratio"),
    )
    return Table(title="Against the naive forecast", columns=columns, rows=tuple(rows), notes=())


def error_table(results: Results, workload: str) -> Table:
    """The samples of the test set that were judged worst."""
    rows: list[tuple[Entry, ...]] = []
    for row, items in learnt(results, workload).items():
        worst = items[0].judgement.worst if items and items[0].judgement else ()
        rows.extend(
            (
                *labels(results, row),
                Entry(str(item.sample), item.sample),
                Entry(_said(items[0], item.truth), item.truth),
                Entry(_said(items[0], item.predicted), item.predicted),
                Entry(formatting.significant(item.size), item.size),
            )
            for item in worst[:MOST_ERRORS]
        )
    titles = ("sample", "truth", "prediction", "error")
    columns = (*label_columns(results), *(Column(title=title) for title in titles))
    note = "Error: absolute, in the target's own unit, or one less the probability that was given to the truth."
    return Table(title="Worst errors", columns=columns, rows=tuple(rows), notes=(note,) if rows else ())


def _said(item: Learning, value: float) -> str:
    """A class by its name where it has one, a number by itself."""
    return item.labels[int(value)] if item.labels else f"{value:g}"


def learning_tables(results: Results, workload: str) -> Sequence[Table]:
    """All of them for one workload, in the order in which one asks."""
    make = (training_table, difference_table, naive_table, threshold_table, class_table, confusion_table, error_table)
    return [table(results, workload) for table in make]


def _name(results: Results, row: Lane) -> str:
    return " ".join(str(entry.value) for entry in labels(results, row))


def _intervals(by_seed: Mapping[str, Mapping[int, float]]) -> Iterable[str]:
    for name, values in by_seed.items():
        bounds = interval(list(values.values()))
        if bounds:
            yield f"{name}: 95 % interval of the mean {bounds[0]:.4f} to {bounds[1]:.4f} over {len(values)} seeds."
