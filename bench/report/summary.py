"""The table that sums up a run: proof, quality, speed and memory of each framework in each workload."""

from collections.abc import Callable, Iterable

from bench.records.cell import Cell
from bench.records.timing_metrics import METRICS
from bench.report import formatting, reliability
from bench.report.certificates import legend
from bench.report.environment import remarks
from bench.report.layout import Column, Entry, Table, left, without_empty
from bench.report.machine import disturbed
from bench.report.memory import MEANING as MEMORY
from bench.report.memory import Peak, peak
from bench.report.performance import (
    BOLD,
    BOLD_OF_ONE,
    NO_WINNER,
    SPREAD,
    group_standings,
    several_steps,
    standing,
    summaries,
    written,
)
from bench.report.quality import primary_quality
from bench.report.results import (
    STATUS_WORDS,
    Lane,
    Results,
    cells_of_lane,
    label_columns,
    labels,
    lane,
    lanes,
    outcome,
    remembered,
    select,
    status,
    where,
    workloads,
)


def summary_table(results: Results) -> Table:
    """One row for each workload and framework: whether it is proven equal, its quality, its speed."""
    rows: list[tuple[Entry, ...]] = []
    ends: list[int] = []
    names: dict[str, None] = {}
    for workload in workloads(results):
        for row in lanes(results, workload):
            name, quality = primary_quality(results, workload, row)
            names |= {name: None} if name else {}
            rows.append(_summary_row(results, workload, row, quality=quality))
        ends.append(len(rows) - 1)
    columns = (
        *left("workload"),
        *label_columns(results),
        Column(title="certificate", alignment="left", spare=4),
        Column(title=f"test {'/'.join(names) or 'quality'}", spare=3),
        Column(title="training samples/s"),
        Column(title="vs fastest", alignment="left"),
        Column(title=f"latency at {batch_in_words(results, min)} (p50)", spare=1),
        Column(title=f"throughput at {batch_in_words(results, max)}", unit="samples/s", spare=2),
        Column(title="process memory", spare=5),
        Column(title="added memory", spare=6),
    )
    full = Table(
        title="Summary", columns=columns, rows=tuple(rows), notes=_summary_notes(results), groups=frozenset(ends)
    )
    return without_empty(full)  # a run that only learns has no times


def batch_in_words(results: Results, pick: Callable[[set[int]], int]) -> str:
    """The smallest or the largest batch of inference, in words; workloads may differ in it."""
    sizes: dict[str, set[int]] = {}
    for cell in results.blocks:
        if cell.scenario == "inference":
            sizes.setdefault(cell.workload, set()).add(cell.batch_size)
    picked = {pick(found) for found in sizes.values()}
    which = "smallest" if pick is min else "largest"
    return f"batch {picked.pop()}" if len(picked) == 1 else f"the {which} batch"


def _summary_row(results: Results, workload: str, row: Lane, *, quality: Entry) -> tuple[Entry, ...]:
    training, smallest, largest = summary_cells(results, workload, row)
    return (
        Entry(workload),
        *labels(results, row),
        Entry(STATUS_WORDS[status(results, workload, row)]),
        quality,
        *_ranked(results, training, SHOWN[0]),
        _ranked(results, smallest, SHOWN[1])[0],
        _ranked(results, largest, SHOWN[2])[0],
        *_memory(peak(results, workload, row, batch_size=training.batch_size if training else None)),
    )


def _memory(found: Peak | None) -> tuple[Entry, Entry]:
    whole, added = (found.whole_bytes, found.added_bytes) if found else (None, None)
    return Entry(formatting.size(whole), whole), Entry(formatting.size(added), added)


@remembered
def summary_cells(results: Results, workload: str, row: Lane) -> tuple[Cell | None, ...]:
    """The cells of a row: training, inference at the smallest batch size, inference at the largest."""
    queries = cells_of_lane(results, workload, "inference").get(row, ())
    smallest = min(queries, key=lambda cell: cell.batch_size, default=None)
    largest = max(queries, key=lambda cell: cell.batch_size, default=None)
    return _training_cell(results, workload, row), smallest, largest


def _training_cell(results: Results, workload: str, row: Lane) -> Cell | None:
    """The training cell at the batch size that learning used, or else at the smallest."""
    cells = cells_of_lane(results, workload, "training").get(row, ())
    recipe = _learnt_sizes(results, workload)
    return next((cell for cell in cells if cell.batch_size in recipe), next(iter(cells), None))


@remembered
def _learnt_sizes(results: Results, workload: str) -> frozenset[int]:
    """The batch sizes of the learning cases."""
    learning = select(results, workload, purpose="learning")
    return frozenset(size for record in learning for size in record.case.batch_sizes)


SHOWN = ("samples_per_second", "query_time_p50_s", "samples_per_second")  # the figures of these cells
WRITE = {"samples_per_second": formatting.count, "query_time_p50_s": formatting.duration}


def _ranked(results: Results, cell: Cell | None, name: str) -> tuple[Entry, Entry]:
    """A figure, bold if it is the best of its group, and its ratio to the best."""
    if cell is None:
        return Entry(formatting.UNKNOWN), Entry("")
    if cell not in results.blocks:
        return Entry(outcome(results, cell)), Entry("")
    ratio = standing(results, cell, group_standings(results, cell.group, METRICS[name]), METRICS[name])
    reason = reliability.doubt(results, cell, METRICS[name])
    if isinstance(ratio.value, float):
        ratio = Entry(formatting.ratio(ratio.value), ratio.value, ratio.best)
    elif ratio.text != NO_WINNER and ratio.text:
        ratio = Entry(reason.reason if reason and _is_proven(results, cell) else "not ranked")
    found = summaries(results, [cell], METRICS[name]).get(cell)
    if found is None:
        return Entry(WRITE[name](None)), ratio
    alone = " (1 process)" if len(found.processes) == 1 and _has_several(results) else ""
    return reliability.marked(Entry(written(found, WRITE[name]) + alone, found.median, ratio.best), reason), ratio


def _is_proven(results: Results, cell: Cell) -> bool:
    return status(results, cell.workload, lane(cell)) == "passed"


def _has_several(results: Results) -> bool:
    """Whether any cell was timed by several processes."""
    return any(len(blocks) > 1 for blocks in results.blocks.values())


def _summary_notes(results: Results) -> tuple[str, ...]:
    shown = [
        _training_cell(results, workload, row) for workload in workloads(results) for row in lanes(results, workload)
    ]
    trained = [cell for cell in shown if cell is not None and cell in results.blocks]
    training = sorted({cell.batch_size for cell in trained})
    proofs = [record.certificate for record in results.records if record.certificate]
    notes = [*_machines(results), *disturbed(results), *remarks(results), *filter(None, [legend(proofs)])]
    if training:
        sizes = " or ".join(map(str, training))
        notes.append(f"Training samples/s: at batch size {sizes}. vs fastest: how many times slower.")
    if any(record.case.purpose == "memory" for record in results.records):
        notes.append(MEMORY)
    if not results.blocks:
        return tuple(notes)
    together = several_steps(results, trained)
    if together:
        named = (f"{cell.workload} {cell.contender} {cell.mode}" for cell in together)
        notes.append(
            "Tuning chose several steps per call, and training samples/s are of such calls, for: "
            f"{'; '.join(dict.fromkeys(named))}."
        )
    if _has_several(results):
        notes.append(SPREAD)
    notes.append(BOLD if _has_several(results) else BOLD_OF_ONE)
    notes += _unreliable(results)
    if len({(cell.device, cell.mode, cell.precision) for cell in results.blocks}) > 1:
        fastest = "; 1.00× is the fastest of them" if trained else ""
        notes.append(f"Only rows with the same device, mode and precision are ranked together{fastest}.")
    return tuple(notes)


def _machines(results: Results) -> Iterable[str]:
    """Which workloads each machine has measured, if there are several."""
    found: dict[str, dict[str, None]] = {}
    for record in results.records:
        found.setdefault(record.environment.machine, {})[record.case.workload] = None
    if len(found) > 1:
        listed = "; ".join(f"{machine}: {', '.join(names)}" for machine, names in found.items())
        yield f"Measured on several machines, whose figures are not compared with each other: {listed}."


def _unreliable(results: Results) -> Iterable[str]:
    """Notes about the figures of the summary that cannot be relied on, and about groups whose fastest is not known."""
    rows = [
        summary_cells(results, workload, row) for workload in workloads(results) for row in lanes(results, workload)
    ]
    shown = [(cell, name) for cells in rows for cell, name in zip(cells, SHOWN, strict=True) if cell in results.blocks]
    named = _named(results)
    yield from reliability.notes(results, shown, named=named)
    ranked = dict.fromkeys((cell.group, name) for cell, name in shown)
    found = (group_standings(results, group, METRICS[name]).perhaps_faster for group, name in ranked)
    yield from reliability.winners(found, named=named)


def _named(results: Results) -> reliability.Named:
    """A function that gives the name of a cell in a note below the summary, which has all workloads and scenarios."""
    return lambda cell: f"{cell.workload} {cell.contender}, {cell.scenario} at {where(results, cell)}"
