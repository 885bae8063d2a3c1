"""Tables about learning: curves, expected quality, frameworks compared, confusion matrices, thresholds, errors."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from bench.analysis.learning import RULES, Place, diagnose, differences, interval, place
from bench.records.measurement import Learning
from bench.report import formatting
from bench.report.layout import Column, Entry, Table, left
from bench.report.quality import learnt, words
from bench.report.results import Lane, Results, label_columns, labels, workloads

Matrix = tuple[tuple[int, ...], ...]

IN_RANGE: dict[Place, str] = {"within": "yes", "better": "no, better", "missed": "NO, WORSE"}
IN_RANGE_COLUMN = -2  # of the table of expected quality
MOST_CLASSES = 20  # of a confusion matrix in a table
MOST_ERRORS = 5
NAIVE = ("The naive forecast repeats the last value of the sequence. A ratio below 1: the network is better.",)
ERROR = (
    "Error: the absolute error in the unit of the target; for classes, 1 - the predicted probability of the true class."
)


def band_table(results: Results) -> Table:
    """For each workload with a band of expected quality: the mean over seeds of every framework, and its place."""
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
                    Entry(IN_RANGE[found], found),
                    Entry(str(len(values)), len(values)),
                )
            )
            sources[f"{workload}, source of the expected range: {band.source}."] = None
    columns = (
        *left("workload"),
        *label_columns(results),
        *left("metric"),
        Column(title="mean on the test set"),
        Column(title="expected"),
        *left("in range?"),
        Column(title="seeds"),
    )
    quiet = frozenset(number for number, row in enumerate(rows) if row[IN_RANGE_COLUMN].value == "within")
    return Table(
        title="Expected quality",
        columns=columns,
        rows=tuple(rows),
        notes=tuple(sources),
        quiet=quiet,
        if_quiet=f"Expected quality: all {len(rows)} figures are in their expected range.",
    )


def training_table(results: Results, workload: str) -> Table:
    """Training of each framework: the last losses, the epoch whose weights were kept, and a diagnosis of the curve."""
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
        *left("diagnosis"),
    )
    notes = (
        "Losses: last epoch, first seed. Kept epoch: the one whose weights are evaluated.",
        *(f"{name}: {rule}." for name, rule in shown.items()),
    )
    return Table(title="Last losses and diagnosis", columns=columns, rows=tuple(rows), notes=notes if rows else ())


def difference_table(results: Results, workload: str) -> Table:
    """Whether frameworks differ beyond chance in the workload's metric, over the same seeds."""
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
            Entry("DIFFERENT" if item.is_significant else "no significant difference"),
        )
        for item in differences(by_seed)
    )
    columns = (
        *left("framework", "compared with"),
        Column(title=f"{words(metric)} difference"),
        Column(title="p"),
        *left("verdict"),
    )
    notes = (
        (
            *_intervals(by_seed),
            "Difference: mean over seeds. p: Student's paired t test, corrected by Holm; significant below 0.05.",
        )
        if rows
        else ()
    )
    return Table(title="Do the frameworks learn the same?", columns=columns, rows=rows, notes=notes)


def confusion_table(results: Results, workload: str) -> Table:
    """The confusion matrices of the first seed; frameworks with equal matrices share one."""
    rows: list[tuple[Entry, ...]] = []
    ends: list[int] = []
    known: Sequence[str] = ()
    for matrix, found in _matrices(results, workload).items():
        names = found[0][1].labels or tuple(map(str, range(len(matrix))))
        known = names if len(names) > len(known) else known
        joined = _together(results, [row for row, _ in found])
        for number, counts in enumerate(matrix):
            name = Entry(formatting.name_of(names[number]))
            rows.append((*joined, name, *(Entry(str(count), count) for count in counts)))
        ends.append(len(rows) - 1)
    predicted = (Column(title=f"as {formatting.name_of(name)}") for name in known)
    columns = (*label_columns(results), Column(title="true class"), *predicted)
    return Table(title="Confusion matrix on the test set", columns=columns, rows=tuple(rows), groups=frozenset(ends))


def _together(results: Results, rows: Sequence[Lane]) -> tuple[Entry, ...]:
    """The labels of lanes with equal results, joined."""
    columns = zip(*(labels(results, row) for row in rows), strict=True)
    return tuple(Entry(", ".join(dict.fromkeys(entry.text for entry in column))) for column in columns)


def _matrices(results: Results, workload: str) -> dict[Matrix, list[tuple[Lane, Learning]]]:
    """The lanes and learning results by confusion matrix, for matrices that are small enough for a table."""
    found: dict[Matrix, list[tuple[Lane, Learning]]] = {}
    for row, items in learnt(results, workload).items():
        matrix = items[0].judgement.confusion if items and items[0].judgement else None
        if matrix is not None and len(matrix) <= MOST_CLASSES:
            found.setdefault(matrix, []).append((row, items[0]))
    return found


def class_table(results: Results, workload: str) -> Table:
    """The classification report of the first seed: precision, recall, F1 and number of samples of each class."""
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
                    Entry(formatting.name_of(item.labels[number]) if item.labels else str(number)),
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
    """The threshold with the best F1 and the metrics at this threshold; for two classes."""
    rows = []
    chosen = {}
    for row, items in learnt(results, workload).items():
        threshold = items[0].judgement.threshold if items and items[0].judgement else None
        if threshold is None:
            continue
        chosen[
            f"Threshold: the one with the best F1 on {threshold.chosen_on} data. The other columns: on the test set."
        ] = 0
        figures = (threshold.value, threshold.accuracy, threshold.precision, threshold.recall, threshold.f1)
        rows.append((*labels(results, row), *(Entry(formatting.score(value), value) for value in figures)))
    titles = ("threshold", "accuracy", "precision", "recall", "f1")
    columns = (*label_columns(results), *(Column(title=title) for title in titles))
    return Table(title="Threshold", columns=columns, rows=tuple(rows), notes=tuple(chosen))


def naive_table(results: Results, workload: str) -> Table:
    """Errors beside those of the naive forecast, which repeats the last value of a sequence."""
    rows = []
    for row, items in learnt(results, workload).items():
        naive = items[0].judgement.naive if items and items[0].judgement else {}
        for name, value in naive.items():
            if not all(name in item.quality for item in items):
                continue
            found = fmean(item.quality[name] for item in items)
            ratio = found / value if value else float("nan")
            figures = (Entry(formatting.score(found), found), Entry(formatting.score(value), value))
            rows.append((*labels(results, row), Entry(words(name)), *figures, Entry(formatting.score(ratio), ratio)))
    columns = (
        *label_columns(results),
        *left("metric"),
        Column(title="network"),
        Column(title="naive forecast"),
        Column(title="ratio"),
    )
    return Table(
        title="Compared with the naive forecast", columns=columns, rows=tuple(rows), notes=NAIVE if rows else ()
    )


def error_table(results: Results, workload: str) -> Table:
    """The samples of the test set with the largest errors."""
    rows: list[tuple[Entry, ...]] = []
    for row, items in learnt(results, workload).items():
        worst = items[0].judgement.worst if items and items[0].judgement else ()
        rows.extend(
            (
                *labels(results, row),
                Entry(str(item.sample), item.sample),
                Entry(_written(items[0], item.truth), item.truth),
                Entry(_written(items[0], item.predicted), item.predicted),
                Entry(formatting.significant(item.size), item.size),
            )
            for item in worst[:MOST_ERRORS]
        )
    titles = ("sample", "true", "predicted", "error")
    columns = (*label_columns(results), *(Column(title=title) for title in titles))
    return Table(title="Largest errors", columns=columns, rows=tuple(rows), notes=(ERROR,) if rows else ())


def _written(item: Learning, value: float) -> str:
    """The name of a class if it has one, else the number."""
    return formatting.name_of(item.labels[int(value)]) if item.labels else f"{value:g}"


def learning_tables(results: Results, workload: str) -> Sequence[Table]:
    """All tables of this module for one workload, but the one of bands."""
    make = (training_table, difference_table, naive_table, threshold_table, class_table, confusion_table, error_table)
    return [table(results, workload) for table in make]


def _name(results: Results, row: Lane) -> str:
    return " ".join(str(entry.value) for entry in labels(results, row))


def _intervals(by_seed: Mapping[str, Mapping[int, float]]) -> Iterable[str]:
    for name, values in by_seed.items():
        bounds = interval(list(values.values()))
        if bounds:
            yield f"{name}: mean between {bounds[0]:.4f} and {bounds[1]:.4f} (95 % interval over {len(values)} seeds)."
