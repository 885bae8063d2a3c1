"""What a mode or a precision changes, contender by contender: time against the usual one, and the options behind it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from bench.analysis.successive_halving import DECIDES
from bench.records.cell import Cell
from bench.records.record import SearchResult
from bench.records.timing_metrics import METRICS, Metric, Summary, of_processes, timed, value
from bench.report import formatting, progress
from bench.report.layout import Column, Entry, Table, left
from bench.report.performance import summaries
from bench.report.results import Results, planned_cells, select, sittings, where
from bench.report.tuning import searches
from bench.workload.axes import Precision, Scenario

USUAL: Precision = "fp32"
SCENARIOS: tuple[Scenario, ...] = ("training", "inference")
PAID_IN: dict[Scenario, tuple[str, str]] = {"training": ("step", "steps"), "inference": ("query", "queries")}


def modes_table(results: Results, workload: str) -> Table:
    """Each timed cell in another mode or precision than the usual ones, beside its usual self."""
    gains = {cell: gain for scenario in SCENARIOS for cell, gain in _gains(results, workload, scenario).items()}
    rows = [row for scenario in SCENARIOS for row in _rows(results, workload, scenario, gains)]
    columns = (
        *left("scenario"),
        Column(title="batch"),
        *left("contender", "device", "mode", "precision"),
        Column(title="time"),
        Column(title=f"as the guide says, {_base(results)}"),
        *left("gain"),
        Column(title="start"),
        Column(title="pays off after"),
        *left("options"),
    )
    slower = list(_slower(results, workload))
    note = (
        "Times are medians over processes, of pipelined steps in training and of the query p50 in inference. A gain "
        "above 1 is faster: the median over pairs of processes that ran one right after the other, in brackets the "
        "range of the pairs. So it need not be the quotient of the two times. A range with 1 in it shows no "
        "difference, and one without it may be chance: pairs are few. The start is what first calls cost beyond usual "
        "ones; it pays off after so many steps or queries instead of the guide's: at once where it costs no more, "
        "never where they are slower, and nothing is said where pairs contradict each other."
    )
    notes = [note, *_noise(results, gains)]
    if slower:
        notes.append(f"Tuned, and slower than the guide's in every pair of processes: {'; '.join(slower)}.")
    return Table(title="Modes and precisions", columns=columns, rows=tuple(rows), notes=tuple(notes))


def pays_off(time: float, start: float, *, usual_time: float, usual_start: float) -> float:
    """After how many calls (steps or queries) a costlier start has paid off: 0 where it costs no more, or never (inf).

    All in seconds.
    """
    if start <= usual_start and time <= usual_time:
        return 0.0
    return (start - usual_start) / (usual_time - time) if time < usual_time else math.inf


def _base(results: Results) -> Precision:
    """The precision that others are held against: fp32, or the first of a run without it."""
    found = tuple(dict.fromkeys(record.case.precision for record in results.records))
    return found[0] if found and USUAL not in found else USUAL


def _usual(results: Results, cell: Cell) -> Cell:
    return replace(cell, mode="idiomatic", precision=_base(results))


def _gains(
    results: Results, workload: str, scenario: Scenario, *, within_precision: bool = False
) -> dict[Cell, Summary]:
    """How many times faster than its usual self each cell is, by pairs of processes of one replicate.

    They ran one right after the other, so that what drifts slowly is the same in both; a pair that an interrupted run
    has apart is none. `within_precision` it is held against the guide's in its own precision.
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
    """A metric of each timed cell by its sitting and its replicate."""
    found: dict[Cell, dict[tuple[int, int], float]] = {}
    for number, sitting in enumerate(sittings(results.records)):
        there = replace(results, records=sitting)
        for record, cell, block in timed(select(there, workload, purpose="timing", scenario=scenario)):
            took = value(metric, block)
            if took is not None:
                found.setdefault(cell, {})[number, record.case.replicate] = took
    return found


def _is_usual(results: Results, cell: Cell, searched: Mapping[Cell, SearchResult]) -> bool:
    """Whether a tuned cell is the same program as its usual self, since the search found nothing faster."""
    return cell.precision == _base(results) and cell in searched and not searched[cell].options


def _noise(results: Results, gains: Mapping[Cell, Summary]) -> Iterable[str]:
    """What is seen between two runs of the same program, where the search found nothing faster than the guide's."""
    searched = searches(results)
    same = sorted(gain.median for cell, gain in gains.items() if _is_usual(results, cell, searched))
    if same:
        extremes = " to ".join(map(formatting.ratio, dict.fromkeys((same[0], same[-1]))))
        yield f"Where the options are what the guide says, both are the same program: gains of {extremes} are noise."


def _rows(
    results: Results, workload: str, scenario: Scenario, gains: Mapping[Cell, Summary]
) -> Iterable[tuple[Entry, ...]]:
    known = [cell for cell in planned_cells(results, workload, scenario) if cell in results.blocks]
    contenders = tuple(dict.fromkeys(cell.contender for cell in known))
    # All that one contender can do with a batch stands together: they are what is compared here.
    known.sort(key=lambda cell: (cell.batch_size, contenders.index(cell.contender), cell.device))
    times = summaries(results, known, METRICS[DECIDES[scenario]])
    starts = summaries(results, known, METRICS["start_cost_s"])
    searched = searches(results)
    for cell in known:
        usual = _usual(results, cell)
        if cell == usual or cell not in times:
            continue
        time, before = times[cell].median, times[usual].median if usual in times else None
        gain = gains.get(cell)
        options = progress.words(searched[cell].options) if cell in searched else ""
        start = starts[cell].median if cell in starts else None
        calls = None
        differs = _agree(gain) and not _is_usual(results, cell, searched)
        if differs and before is not None and start is not None and usual in starts:
            paired = before / gain.median if gain else time  # so that it agrees with the gain
            calls = pays_off(paired, start, usual_time=before, usual_start=starts[usual].median)
        yield (
            Entry(scenario),
            Entry(str(cell.batch_size), cell.batch_size),
            *map(Entry, (cell.contender, cell.device, cell.mode, cell.precision)),
            Entry(formatting.duration(time), time),
            Entry(formatting.duration(before), before),
            Entry(formatting.ratio_range(gain.median, low=gain.low, high=gain.high), gain.median)
            if gain
            else Entry(formatting.UNKNOWN),
            Entry(formatting.duration(start), start),
            Entry(_calls(calls, PAID_IN[scenario]), calls),
            Entry(options),
        )


def _slower(results: Results, workload: str) -> Iterable[str]:
    """The cells of which a search hoped too much; where it found nothing that is faster, both are the same program."""
    chosen = {cell for cell, found in searches(results).items() if found.options}
    for scenario in SCENARIOS:
        for cell, gain in _gains(results, workload, scenario, within_precision=True).items():
            if cell in chosen and gain.high < 1 and len(gain.processes) > 1:
                times = f"{formatting.ratio(1 / gain.median)} the time"
                yield f"{cell.contender} {scenario}, {where(results, cell)} ({times})"


def _agree(gain: Summary | None) -> bool:
    """Whether pairs do not contradict each other."""
    return gain is None or not gain.low < 1 < gain.high


def _calls(number: float | None, words: tuple[str, str]) -> str:
    if number is None:
        return formatting.UNKNOWN
    if math.isinf(number):
        return "never"
    whole = math.ceil(number)
    return "at once" if whole <= 0 else f"{formatting.grouped(whole)} {words[whole > 1]}"
