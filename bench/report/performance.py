"""Tables of training and inference performance: the figures of each cell, and its ratio to the fastest of its group."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from bench.analysis.leaders import tied
from bench.records.cell import Cell
from bench.records.record import SearchResult
from bench.records.timing_metrics import METRICS, Metric, Summary, against_best
from bench.report import formatting, reliability
from bench.report.layout import Column, Entry, Table, left, without_empty
from bench.report.machine import throttling
from bench.report.reliability import doubt, marked
from bench.report.results import (
    STATUS_WORDS,
    Results,
    figure,
    groups,
    label_columns,
    labels,
    lane,
    outcome,
    planned_cells,
    remembered,
    status,
    where,
)
from bench.report.tuning import searches

CPU_USE_RATIO = 1.5
PAIRS: Mapping[str, tuple[str, str]] = {
    "training": ("step_time_pipelined_s", "step_time_p50_s"),
    "inference": ("query_time_pipelined_s", "query_time_p50_s"),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A column: its title, the metric, its format, and whether the best of a group is bold."""

    title: str
    metric: str
    write: Callable[[float | None], str]
    ranked: bool = True


NO_WINNER = "no winner"
BOLD = "Bold: the fastest, and all that cannot be told apart from it (their ranges over processes overlap)."
BOLD_OF_ONE = (
    "Bold: the fastest. With 1 process each, the spread between processes is unknown: run again with `--processes 3`."
)
SPREAD = "±4 % or -2/+4 %: the lowest and the highest process, relative to the median."
MEANING: Mapping[str, str] = {
    "training": "Samples/s: pipelined, with one wait for many steps. Step time: with a wait after each step.",
    "inference": "Samples/s: pipelined, with one wait for many queries. Latency: one query of `batch` samples, with a "
    "wait after each.",
}
WAITING: Mapping[str, str] = {"training": "train_on_batch", "inference": "predict_on_batch"}
FIGURES: Mapping[str, tuple[Figure, ...]] = {
    "training": (
        Figure("samples/s", "samples_per_second", formatting.count),
        Figure("step time p50", "step_time_p50_s", formatting.duration),
        Figure("step time p90", "step_time_p90_s", formatting.duration),
        Figure("first call", "first_call_time_s", formatting.duration),
        Figure("CPU/wall", "cpu_use", formatting.significant, ranked=False),
    ),
    "inference": (
        Figure("samples/s", "samples_per_second", formatting.count),
        Figure("latency p50", "query_time_p50_s", formatting.duration),
        Figure("latency p90", "query_time_p90_s", formatting.duration),
        Figure("latency p99", "query_time_p99_s", formatting.duration),
        Figure("time per sample (p50 / batch)", "per_sample_latency_s", formatting.duration),
        Figure("first call", "first_call_time_s", formatting.duration),
        Figure("CPU/wall", "cpu_use", formatting.significant, ranked=False),
    ),
}


def table(results: Results, workload: str, *, scenario: str) -> Table:
    """One row for each cell of a scenario; rows of one batch size, device, mode and precision are ranked together."""
    figures = FIGURES[scenario]
    cells = planned_cells(results, workload, scenario)
    rows: list[tuple[Entry, ...]] = []
    ends: list[int] = []
    for _, group in groupby(cells, key=lambda cell: cell.group):
        rows += _group_rows(results, tuple(group), figures)
        ends.append(len(rows) - 1)
    columns = (
        Column(title="batch"),
        *label_columns(results),
        Column(title=figures[0].title),
        *left("vs fastest"),
        *(Column(title=figure.title) for figure in figures[1:]),
    )
    full = Table(
        title=scenario.capitalize(),
        columns=columns,
        rows=tuple(rows),
        notes=without_bold(_notes(results, cells, figures), rows),
        groups=frozenset(ends),
    )
    return without_empty(full)


def without_bold(notes: Iterable[str], rows: Iterable[Iterable[Entry]]) -> tuple[str, ...]:
    """The notes below these rows: what bold means is left out where nothing is bold."""
    is_there = any(entry.best for row in rows for entry in row)
    return tuple(note for note in notes if is_there or note not in {BOLD, BOLD_OF_ONE})


def summaries(results: Results, cells: Iterable[Cell], metric: Metric) -> dict[Cell, Summary]:
    """The metric of every cell that has it."""
    found = {cell: figure(results, cell, metric) for cell in cells}
    return {cell: item for cell, item in found.items() if item is not None}


@dataclass(frozen=True, slots=True)
class Standings:
    """How many times slower than the fastest each ranked cell is, and the other cells that may be the fastest."""

    places: Mapping[Cell, Summary]
    perhaps_faster: tuple[Cell, ...]


UNRANKED = Standings({}, ())


def standings(results: Results, cells: Iterable[Cell], metric: Metric) -> Standings:
    """The cells that are proven equal and reliable are ranked. If another cell may be the fastest, nobody is."""
    proven = [cell for cell in cells if status(results, cell.workload, lane(cell)) == "passed"]
    reliable = [cell for cell in proven if not doubt(results, cell, metric)]
    ranked = summaries(results, reliable, metric)
    out = [cell for cell in proven if cell not in reliable]
    return Standings(against_best(metric, ranked), reliability.may_be_fastest(results, out, metric, ranked.values()))


@remembered
def group_standings(results: Results, group: Cell, metric: Metric) -> Standings:
    """The standings of all planned cells with this `group`."""
    return standings(results, groups(results, group.workload, group.scenario)[group], metric)


def standing(results: Results, cell: Cell, found: Standings, metric: Metric) -> Entry:
    """The ratio to the fastest with its range over processes, or the reason why there is none."""
    place = found.places.get(cell)
    if place and found.perhaps_faster:
        return Entry(NO_WINNER)
    if place:
        written = formatting.ratio_range(place.median, low=place.low, high=place.high)
        return Entry(written, place.median, _is_best(cell, found))
    if cell not in results.blocks:
        return Entry("")
    state, reason = status(results, cell.workload, lane(cell)), doubt(results, cell, metric)
    if state != "passed":
        return Entry(f"not ranked: {STATUS_WORDS[state]}")
    return Entry(f"not ranked: {reason.reason}" if reason else formatting.UNKNOWN)


def _group_rows(results: Results, cells: tuple[Cell, ...], figures: tuple[Figure, ...]) -> list[tuple[Entry, ...]]:
    metrics = {figure.metric: METRICS[figure.metric] for figure in figures}
    found = {name: summaries(results, cells, metric) for name, metric in metrics.items()}
    # For cells with several steps per call, single steps and first calls belong to another program.
    several = several_steps(results, cells)
    alone = [cell for cell in cells if cell not in several]
    places = {
        figure.metric: standings(results, cells if figure is figures[0] else alone, metrics[figure.metric])
        for figure in figures
        if figure.ranked
    }
    rows = []
    for cell in cells:
        entries = [
            _entry(results, figure, cell, found[figure.metric], places.get(figure.metric, UNRANKED))
            for figure in figures
        ]
        if cell not in results.blocks:
            entries = [Entry(outcome(results, cell)), *(Entry("") for _ in figures[1:])]
        ratio = standing(results, cell, places[figures[0].metric], metrics[figures[0].metric])
        batch = Entry(str(cell.batch_size), cell.batch_size)
        rows.append((batch, *labels(results, lane(cell)), entries[0], ratio, *entries[1:]))
    return rows


def _entry(results: Results, figure: Figure, cell: Cell, found: Mapping[Cell, Summary], places: Standings) -> Entry:
    item = found.get(cell)
    if item is None:
        return Entry(figure.write(None))
    made = Entry(written(item, figure.write), item.median, _is_best(cell, places))
    reason = doubt(results, cell, METRICS[figure.metric]) if figure.ranked else results.doubts.get(cell)
    return marked(made, reason)


def written(found: Summary, write: Callable[[float | None], str]) -> str:
    """A figure with its spread over processes, if there are several."""
    several = len(found.processes) > 1
    spread = f" {formatting.spread(found.median, low=found.low, high=found.high)}" if several else ""
    return f"{write(found.median)}{spread}"


def _is_best(cell: Cell, found: Standings) -> bool:
    """Whether a cell is the fastest or tied with it.

    False if there is nothing to compare it with, or if a cell that is not ranked may be faster.
    """
    places = found.places
    return cell in places and len(places) > 1 and not found.perhaps_faster and cell in tied(places)


def _notes(results: Results, cells: tuple[Cell, ...], figures: tuple[Figure, ...]) -> Iterable[str]:
    counts = sorted({len(results.blocks[cell]) for cell in cells if cell in results.blocks})
    if counts:
        processes = " to ".join(dict.fromkeys((str(counts[0]), str(counts[-1]))))
        over = "One process each" if counts[-1] == 1 else f"Medians over {processes} processes"
        yield f"{over}. {MEANING[cells[0].scenario]} CPU/wall: how many cores were busy on average."
        yield from _waiting(cells)
        fastest = "the median of the fastest; in brackets the range over processes" if counts[-1] > 1 else "the fastest"
        yield f"vs fastest: how many times slower in samples/s, relative to {fastest}."
        if counts[0] > 1:
            percent = min(99.9, 100 * (1 - 2 * 0.5 ** counts[0]))
            yield (
                f"{SPREAD} The range of {counts[0]} processes is a "
                f"{percent:.3g} % confidence interval of the median, for any distribution."
            )
        yield BOLD if counts[0] > 1 else BOLD_OF_ONE
    yield from _unreliable(results, cells, figures)
    for item in figures:
        metric = METRICS[item.metric]
        if metric.at_least > 1 and not summaries(results, cells, metric):
            yield f"No {item.title}: it needs {metric.at_least} timed calls in every process."
        elif metric.at_least > 1 and len(summaries(results, cells, metric)) < len(cells):
            yield f"n/a at {item.title}: fewer than {metric.at_least} timed calls."
    unequal = [text for _, group in groupby(cells, key=lambda cell: cell.group) for text in _cores(results, group)]
    if unequal:
        yield f"CPU use differs (CPU/wall): {'; '.join(unequal)}."
    yield from _of_several(results, cells)
    yield from _slower_together(results, cells)
    restless = [text for cell in cells for text in _restless(results, cell)]
    if restless:
        yield f"Steady state not reached in warm-up, so these figures may be too slow: {'; '.join(restless)}."
    yield from throttling(results, cells)


def _unreliable(results: Results, cells: tuple[Cell, ...], figures: tuple[Figure, ...]) -> Iterable[str]:
    """Notes about the figures that cannot be relied on, and about groups whose fastest is not known."""
    name, metric = reliability.named(results), METRICS[figures[0].metric]
    shown = [(cell, item.metric) for cell in cells for item in figures if item.ranked]
    yield from reliability.notes(results, shown, named=name)
    groups = (tuple(members) for _, members in groupby(cells, key=lambda cell: cell.group))
    yield from reliability.winners((standings(results, group, metric).perhaps_faster for group in groups), named=name)


def _waiting(cells: Iterable[Cell]) -> Iterable[str]:
    """A note if Keras runs its own methods: they return values on the host, so they wait in every call."""
    scenarios = dict.fromkeys(
        cell.scenario for cell in cells if cell.contender.startswith("keras/") and cell.mode == "idiomatic"
    )
    yield from (
        f"Keras itself waits in every `{WAITING[scenario]}`, so its samples/s contain one wait for each call."
        for scenario in scenarios
    )


def _cores(results: Results, group: Iterable[Cell]) -> Iterable[str]:
    used = {cell: item.median for cell, item in summaries(results, group, METRICS["cpu_use"]).items()}
    if used and max(used.values()) > CPU_USE_RATIO * min(used.values()):
        least, most = min(used, key=lambda cell: used[cell]), max(used, key=lambda cell: used[cell])
        words = (f"{formatting.significant(used[cell])} ({cell.contender})" for cell in (least, most))
        yield f"{where(results, least)}, {' to '.join(words)}"


def _restless(results: Results, cell: Cell) -> Iterable[str]:
    blocks = results.blocks.get(cell, ())
    count = sum(not block.steady for block in blocks)
    if count:
        yield f"{cell.contender}, {where(results, cell)}, {count} of {len(blocks)} processes"


def _of_several(results: Results, cells: Iterable[Cell]) -> Iterable[str]:
    """A note about the cells that run several steps per call: only their throughput is of this program."""
    several = several_steps(results, cells)
    if several:
        named = "; ".join(f"{cell.contender}, {where(results, cell)} ({option})" for cell, option in several.items())
        yield (
            f"Several steps per call: {named}. Their samples/s are of such calls. Their step times and first call are "
            "of a single step, which is another program, and are not ranked."
        )


def several_steps(results: Results, cells: Iterable[Cell]) -> dict[Cell, str]:
    """The cells that run several steps per call, each with the value of the option that does so."""
    found = searches(results)
    return {cell: option for cell in cells if (option := _several(found.get(cell)))}


def _several(found: SearchResult | None) -> str:
    """The value of the option for several steps per call; empty if the search did not choose it."""
    options = found.options.values() if found else ()
    return next((option for option in options if option.endswith("steps")), "")


def _slower_together(results: Results, cells: tuple[Cell, ...]) -> Iterable[str]:
    """A note about cells that are slower pipelined than with a wait after each call."""
    if not cells:
        return
    searched = searches(results)
    together, alone = (summaries(results, cells, METRICS[name]) for name in PAIRS[cells[0].scenario])
    slower = [
        f"{cell.contender}, {where(results, cell)} ({formatting.ratio(item.median / alone[cell].median)})"
        for cell, item in together.items()
        # Several steps per call are another program than a single step.
        if cell in alone
        and len(item.processes) > 1
        and item.low > alone[cell].high
        and not _several(searched.get(cell))
    ]
    if slower:
        yield f"Slower with one wait for many calls than with one wait per call, in every process: {'; '.join(slower)}."
