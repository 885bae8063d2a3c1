"""The effect of a mode or a precision on each framework: time compared with the default, and the options used."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from bench.analysis.successive_halving import DECIDES
from bench.records.cell import Cell
from bench.records.record import SearchResult
from bench.records.timing_metrics import METRICS, Metric, Summary, of_processes, timed, value
from bench.report import formatting, search_lines
from bench.report.layout import Column, Entry, Table, left
from bench.report.performance import summaries
from bench.report.reliability import all_marked, explained, marked
from bench.report.results import Results, by_sitting, planned_cells, remembered, select, where
from bench.report.tuning import searches
from bench.workload.axes import Precision, Scenario

USUAL: Precision = "fp32"
SCENARIOS: tuple[Scenario, ...] = ("training", "inference")
PAID_IN: dict[Scenario, tuple[str, str]] = {"training": ("step", "steps"), "inference": ("query", "queries")}

NOTES = (
    (
        "Time: median over processes, per pipelined step in training and per query (p50) in inference. Default: mode "
        "`idiomatic`, as the framework's own guide shows it."
    ),
    (
        "Speed-up: default / this row, the median over pairs of processes that ran directly after each other, and in "
        "brackets the range of the pairs. It can differ from the ratio of the two times. A range that contains 1 shows "
        "no difference; one that does not may still be chance, because there are few pairs."
    ),
    (
        "Start-up: what the first calls cost beyond steady ones. Pays off after: the number of steps or queries from "
        "which this row takes less total time than the default. It is n/a if the pairs contradict each other."
    ),
)


def modes_table(results: Results, workload: str) -> Table:
    """Each timed cell in mode `tuned` or another precision, beside the default of its framework."""
    parts = [_speed_ups(results, workload, scenario) for scenario in SCENARIOS]
    speed_ups = {cell: speed_up for part in parts for cell, speed_up in part.items()}
    rows = [row for scenario in SCENARIOS for row in _rows(results, workload, scenario, speed_ups)]
    columns = (
        *left("scenario"),
        Column(title="batch"),
        *left("framework", "device", "mode", "precision"),
        Column(title="time"),
        Column(title=f"default, {_base(results)}"),
        *left("speed-up"),
        Column(title="start-up"),
        Column(title="pays off after"),
        *left("options"),
    )
    slower = list(_slower(results, workload))
    notes = [*NOTES, *_noise(results, speed_ups), *explained(results, _shown(results, workload))]
    if slower:
        notes.append(f"Tuned, but slower than the default in every pair of processes: {'; '.join(slower)}.")
    return Table(title="Modes and precisions", columns=columns, rows=tuple(rows), notes=tuple(notes))


def pays_off(time: float, start: float, *, usual_time: float, usual_start: float) -> float:
    """After how many calls (steps or queries) a longer start-up has paid off: 0 for at once, infinity for never.

    All arguments are in seconds.
    """
    if start <= usual_start and time <= usual_time:
        return 0.0
    return (start - usual_start) / (usual_time - time) if time < usual_time else math.inf


@remembered
def _base(results: Results) -> Precision:
    """The precision that the others are compared with: fp32, or the first precision of a run without fp32."""
    found = tuple(dict.fromkeys(record.case.precision for record in results.records))
    return found[0] if found and USUAL not in found else USUAL


def _usual(results: Results, cell: Cell) -> Cell:
    return replace(cell, mode="idiomatic", precision=_base(results))


@remembered
def _speed_ups(
    results: Results, workload: str, scenario: Scenario, *, within_precision: bool = False
) -> dict[Cell, Summary]:
    """The speed-up of each cell over its default, from pairs of processes of one replicate.

    The two processes of a pair ran directly after each other, so slow drift of the machine affects both. Processes
    before and after a break of the run form no pair. With `within_precision`, the default is in the cell's precision.
    """
    times = _by_process(results, workload, scenario, METRICS[DECIDES[scenario]])
    found = {}
    for cell, own in times.items():
        guide = replace(cell, mode="idiomatic") if within_precision else _usual(results, cell)
        usual = times.get(guide, {})
        if cell != guide and (both := own.keys() & usual.keys()):
            found[cell] = of_processes(tuple(usual[process] / own[process] for process in sorted(both)))
    return found


def _by_process(
    results: Results, workload: str, scenario: Scenario, metric: Metric
) -> dict[Cell, dict[tuple[int, int], float]]:
    """A metric of each timed cell, by sitting (part of a run without a break) and replicate."""
    found: dict[Cell, dict[tuple[int, int], float]] = {}
    for number, there in enumerate(by_sitting(results)):
        for record, cell, block in timed(select(there, workload, purpose="timing", scenario=scenario)):
            took = value(metric, block)
            if took is not None:
                found.setdefault(cell, {})[number, record.case.replicate] = took
    return found


def _is_usual(results: Results, cell: Cell, searched: Mapping[Cell, SearchResult]) -> bool:
    """Whether a tuned cell is the same program as its default, because the search found nothing faster."""
    return cell.precision == _base(results) and cell in searched and not searched[cell].options


def _noise(results: Results, speed_ups: Mapping[Cell, Summary]) -> Iterable[str]:
    """A note on the noise: the speed-up measured for cells in which the search kept the default."""
    searched = searches(results)
    same = sorted(speed_up.median for cell, speed_up in speed_ups.items() if _is_usual(results, cell, searched))
    if same:
        extremes = " to ".join(map(formatting.ratio, dict.fromkeys((same[0], same[-1]))))
        yield f"If the options are the default, both are the same program: speed-ups of {extremes} are noise."


def _rows(
    results: Results, workload: str, scenario: Scenario, speed_ups: Mapping[Cell, Summary]
) -> Iterable[tuple[Entry, ...]]:
    known = [cell for cell in planned_cells(results, workload, scenario) if cell in results.blocks]
    contenders = tuple(dict.fromkeys(cell.contender for cell in known))
    # The rows of one framework and batch size stand together, because this table compares them.
    known.sort(key=lambda cell: (cell.batch_size, contenders.index(cell.contender), cell.device))
    times = summaries(results, known, METRICS[DECIDES[scenario]])
    starts = summaries(results, known, METRICS["start_cost_s"])
    searched = searches(results)
    for cell in known:
        usual = _usual(results, cell)
        if cell == usual or cell not in times:
            continue
        time, before = times[cell].median, times[usual].median if usual in times else None
        speed_up = speed_ups.get(cell)
        options = search_lines.words(searched[cell].options) if cell in searched else ""
        start = starts[cell].median if cell in starts else None
        calls = None
        differs = _agree(speed_up) and not _is_usual(results, cell, searched)
        if differs and before is not None and start is not None and usual in starts:
            paired = before / speed_up.median if speed_up else time  # so that it agrees with the speed-up
            calls = pays_off(paired, start, usual_time=before, usual_start=starts[usual].median)
        yield (
            Entry(scenario),
            Entry(str(cell.batch_size), cell.batch_size),
            *map(Entry, (cell.contender, cell.device, cell.mode, cell.precision)),
            *all_marked(results, cell, [Entry(formatting.duration(time), time)]),
            *all_marked(results, usual, [Entry(formatting.duration(before), before)]),
            # The processes of a pair ran directly after each other, so their ratio is good although they differ.
            marked(_speed_up(speed_up), results.doubts.get(cell) or results.doubts.get(usual)),
            *all_marked(results, cell, [Entry(formatting.duration(start), start)]),
            Entry(_calls(calls, PAID_IN[scenario]), calls),
            Entry(options),
        )


def _shown(results: Results, workload: str) -> list[Cell]:
    return [cell for scenario in SCENARIOS for cell in planned_cells(results, workload, scenario)]


def _speed_up(found: Summary | None) -> Entry:
    if found is None:
        return Entry(formatting.UNKNOWN)
    return Entry(formatting.ratio_range(found.median, low=found.low, high=found.high), found.median)


def _slower(results: Results, workload: str) -> Iterable[str]:
    """The cells whose chosen options were slower than the default; not those that kept the default."""
    chosen = {cell for cell, found in searches(results).items() if found.options}
    for scenario in SCENARIOS:
        for cell, speed_up in _speed_ups(results, workload, scenario, within_precision=True).items():
            if cell in chosen and speed_up.high < 1 and len(speed_up.processes) > 1:
                times = f"{formatting.ratio(1 / speed_up.median)} the time"
                yield f"{cell.contender} {scenario}, {where(results, cell)} ({times})"


def _agree(speed_up: Summary | None) -> bool:
    """Whether no pair contradicts another; true without pairs."""
    return speed_up is None or not speed_up.low < 1 < speed_up.high


def _calls(number: float | None, words: tuple[str, str]) -> str:
    if number is None:
        return formatting.UNKNOWN
    if math.isinf(number):
        return "never"
    whole = math.ceil(number)
    return "at once" if whole <= 0 else f"{formatting.grouped(whole)} {words[whole > 1]}"
