"""Tables of quality: metrics on the test set, time to target, the learning curve, and the certificates."""

from collections.abc import Iterable, Sequence
from statistics import fmean, median

from bench.analysis.equivalence import MANTISSA_BITS
from bench.analysis.learning import deviation
from bench.analysis.second_network import LOADED_CHECK
from bench.records.measurement import Learning
from bench.records.record import Certificate
from bench.report import formatting
from bench.report.certificates import mantissa_bits, place
from bench.report.layout import Column, Entry, Table, left, without_empty
from bench.report.results import (
    STATUS_WORDS,
    Lane,
    Results,
    certificates,
    label_columns,
    labels,
    lanes,
    remembered,
    select,
    status,
)

CURVE_ROWS = 10
CHECKS = (
    "Each entry: largest deviation ≤ limit. Outputs (forward) are compared with a NumPy reference, weights and losses "
    "with the other frameworks. Weights: deviation / largest weight of the model."
)
LOADED = (
    "Load and export: each tensor is compared with the one that was loaded. Deviation / largest value of the tensor."
)
_EXPECTED = ", ".join(f"{bits} in {precision}" for precision, bits in MANTISSA_BITS.items())
BITS = f"Mantissa bits that survive a multiplication show which precision was really used: {_EXPECTED}."


def quality_table(results: Results, workload: str) -> Table:
    """Every quality metric on the test set (mean ± standard deviation over seeds), and the time to target."""
    by_lane = learnt(results, workload)
    known = [item for items in by_lane.values() for item in items]
    metrics = tuple(dict.fromkeys(name for item in known for name in item.quality))
    rows = tuple(
        (*labels(results, row), *_quality_row(results, workload, row, learnings=items, metrics=metrics))
        for row, items in by_lane.items()
    )
    columns = (
        *label_columns(results),
        *(Column(title=words(name)) for name in metrics or ("quality",)),
        Column(title="time to target"),
        Column(title="epochs"),
        Column(title="training time"),
        Column(title="seeds"),
    )
    return Table(title="Quality on the test set", columns=columns, rows=rows, notes=tuple(_quality_notes(known)))


def primary_quality(results: Results, workload: str, row: Lane) -> tuple[str, Entry]:
    """The name of the workload's metric and its value on the test set; the outcome if no case ended well."""
    records = select(results, workload, purpose="learning", lane_is=row)
    learnings = [item.measurement.learning for item in records if item.outcome == "ok" and item.measurement.learning]
    if not learnings:
        return "", Entry(next((item.outcome for item in reversed(records)), formatting.UNKNOWN))
    name = learnings[0].target_metric
    return words(name), _spread([item.quality[name] for item in learnings if name in item.quality])


def curve_table(results: Results, workload: str) -> Table:
    """Evaluation quality and loss after each epoch, means over seeds; ten epochs of a long curve."""
    by_lane = {row: items for row, items in learnt(results, workload).items() if items}
    longest = max((len(item.epochs) for items in by_lane.values() for item in items), default=0)
    rows = tuple(
        (Entry(str(epoch + 1), epoch + 1), *(_curve_entry(items, epoch) for items in by_lane.values()))
        for epoch in _spaced(longest)
    )
    known = [item for items in by_lane.values() for item in items]
    shown = f" Shown: {CURVE_ROWS} of {longest} epochs, at about equal distances." if longest > CURVE_ROWS else ""
    columns = tuple(Column(title=" ".join(str(entry.value) for entry in labels(results, row))) for row in by_lane)
    return Table(
        title="Learning curve",
        columns=(Column(title="epoch"), *columns),
        rows=rows,
        notes=tuple(
            f"Each entry: {words(item.target_metric)} · loss on {item.evaluated_on} data, means over seeds.{shown}"
            for item in known[:1]
        ),
    )


def certificate_table(results: Results, workload: str) -> Table:
    """The largest deviation of each check with its limit, and the reason if there is no proof."""
    found = {row: certificates(results, workload, row) for row in lanes(results, workload)}
    present = {row: [item for item in items if item is not None] for row, items in found.items()}
    checks = tuple(
        dict.fromkeys(line.check for items in present.values() for item in items for line in item.deviations)
    )
    rows = tuple(
        (
            *labels(results, row),
            Entry(STATUS_WORDS[status(results, workload, row)]),
            *(_deviation(items, check) for check in checks),
        )
        for row, items in present.items()
    )
    full = Table(
        title="Certificate: largest relative deviations",
        columns=(*label_columns(results), *left("certificate"), *(Column(title=check) for check in checks)),
        rows=rows,
        notes=tuple(_certificate_notes(present.values())),
    )
    return without_empty(full)


@remembered
def learnt(results: Results, workload: str) -> dict[Lane, tuple[Learning, ...]]:
    """The learning results of each lane; empty for a lane in which no learning case ended well."""
    found: dict[Lane, tuple[Learning, ...]] = {}
    for row in lanes(results, workload):
        records = select(results, workload, purpose="learning", lane_is=row)
        if records:
            learned = (item.measurement.learning for item in records if item.outcome == "ok")
            found[row] = tuple(item for item in learned if item is not None)
    return found


def _quality_row(
    results: Results, workload: str, row: Lane, *, learnings: Sequence[Learning], metrics: Sequence[str]
) -> tuple[Entry, ...]:
    if not learnings:
        empty = (Entry("") for _ in range(max(0, len(metrics) - 1) + 4))
        return (primary_quality(results, workload, row)[1], *empty)
    epochs = [len(item.epochs) for item in learnings]
    training_s = median(sum(epoch.train_ns for epoch in item.epochs) / 1e9 for item in learnings)
    return (
        *(_spread([item.quality[name] for item in learnings if name in item.quality]) for name in metrics),
        _time_to_target(learnings),
        Entry(" to ".join(dict.fromkeys((str(min(epochs)), str(max(epochs))))), max(epochs)),
        Entry(formatting.duration(training_s), training_s),
        Entry(str(len(learnings)), len(learnings)),
    )


def _time_to_target(learnings: Sequence[Learning]) -> Entry:
    if all(item.target is None for item in learnings):
        return Entry("no target")
    reached = [item.time_to_target_ns / 1e9 for item in learnings if item.time_to_target_ns is not None]
    if len(reached) < len(learnings):
        some = f" ({len(learnings) - len(reached)} of {len(learnings)})" if len(learnings) > 1 else ""
        return Entry(f"not reached{some}")
    return Entry(formatting.duration(median(reached)), median(reached))


def _spread(values: Sequence[float]) -> Entry:
    if not values:
        return Entry(formatting.UNKNOWN)
    mean = fmean(values)
    spread = deviation(values)
    return Entry(formatting.score(mean) + (f" ± {spread:.4f}" if spread is not None else ""), mean)


def _quality_notes(learnings: Sequence[Learning]) -> Iterable[str]:
    if learnings:
        yield (
            "Training time: training steps only. Time to target: training and evaluation until the target is reached. "
            "Both include compilation: one process per seed, median over seeds."
        )
    targets = dict.fromkeys((item.target_metric, item.target, item.evaluated_on) for item in learnings)
    for metric, target, split in targets:
        if target is not None:
            beside = "" if split == "test" else " The metrics in the table are of the test set and can differ."
            yield f"Target: {words(metric)} {target:g} on {split} data, checked after every epoch.{beside}"
    for unit in dict.fromkeys(item.unit for item in learnings if item.unit):
        yield f"Mae and rmse: in {unit}."


def _curve_entry(learnings: Sequence[Learning], epoch: int) -> Entry:
    reached = [item.epochs[epoch] for item in learnings if epoch < len(item.epochs)]
    if not reached:
        return Entry("")
    quality = fmean(item.evaluation_quality for item in reached)
    loss = fmean(item.evaluation_loss for item in reached)
    return Entry(f"{formatting.score(quality)} · {formatting.significant(loss)}", quality)


def _spaced(count: int) -> tuple[int, ...]:
    if count <= CURVE_ROWS:
        return tuple(range(count))
    return tuple(dict.fromkeys(round(row * (count - 1) / (CURVE_ROWS - 1)) for row in range(CURVE_ROWS)))


def _deviation(items: Sequence[Certificate], check: str) -> Entry:
    lines = [line for item in items for line in item.deviations if line.check == check]
    if not lines:
        return Entry(formatting.UNKNOWN)
    # A deviation above its limit comes first, even if another check allows a larger one; of these, NaN comes first.
    worst = max(lines, key=lambda line: (not line.holds, line.found != line.found, line.found))
    if "mantissa bits" in check:
        return mantissa_bits(worst)
    relation = "≤" if worst.holds else "not ≤"
    limit = f"{formatting.limit(worst.allowed)}{place(worst)}"
    return Entry(f"{formatting.deviation(worst.found)} {relation} {limit}", worst.found)


def _certificate_notes(found: Iterable[Sequence[Certificate]]) -> Iterable[str]:
    once = dict.fromkeys(item for items in found for item in items)
    checks = {line.check for item in once for line in item.deviations}
    yield from (CHECKS,) if checks else ()
    yield from (LOADED,) if LOADED_CHECK in checks else ()
    yield from (BITS,) if any("mantissa bits" in check for check in checks) else ()
    yield from (f"{item.contender}: {item.problem}" for item in once if item.problem)
    about: dict[str, dict[str, None]] = {}
    for item in once:
        for note in item.notes:
            about.setdefault(note, {})[item.contender] = None
    yield from (f"{', '.join(names)}: {note}" for note, names in about.items())


def words(name: str) -> str:
    """The name of a metric in words."""
    return name.replace("_", " ")
