"""The data of the interactive page: everything that a reader can filter, sort, open or compare, as plain values.

Numbers have as many digits as `figures.DIGITS`, samples fewer. The programs of the page make rankings, answers and
charts from these data by the same rules as the tables.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from bench.analysis.learning import differences
from bench.analysis.memory_and_quality import ERROR, PEAKS, SCORE
from bench.records.measurement import Learning
from bench.records.record import Certificate, Record
from bench.records.timing_metrics import timed
from bench.report import formatting, scaling, under_load
from bench.report.certificates import legend
from bench.report.charts import catalogue, files
from bench.report.environment import environment_table
from bench.report.figures import Row, cell_names, lane_names
from bench.report.layout import Report, Table
from bench.report.memory import peak
from bench.report.method import typical_spread
from bench.report.page.commands import measured_again
from bench.report.quality import learnt, primary_quality, words
from bench.report.results import (
    STATUS_WORDS,
    Arranged,
    Lane,
    Results,
    by_device,
    by_run,
    certificates,
    lane,
    lanes,
    of_lane,
    of_workload,
    status,
    workloads,
)
from bench.report.servers import servers
from bench.report.summary import summary_cells
from bench.workload.recipe import is_better

SINGLE, ROUNDS = 120, 80  # samples of one block that a page keeps: single calls, and rounds of calls
SAMPLE_DIGITS = 4
FORMAT = 2  # of these data; a page reads those of another page that is dropped on it
PACKED = (
    "cells",
    "lanes",
    "samples",
    "memory",
    "roofline",
    "scaling",
    "load",
    "curves",
    "targets",
    "pairs",
    "recall",
    "confusion",
    "series",
)
RULES = {"peaks": PEAKS, "score": SCORE, "error": ERROR}


@dataclass(frozen=True, slots=True)
class Part:
    """The results of one run, and the name of the run if a page has several."""

    results: Results
    run: str
    is_alone: bool


def page_data(
    report: Report,
    records: Sequence[Record],
    *,
    detailed: bool = True,
    arranged: Arranged | None = None,
) -> Row:
    """The data of a page on these records; without `detailed` it has no samples and no tables of single workloads.

    `arranged` are the results of these records, if they are known already.
    """
    runs = by_run(records) if arranged is None else arranged
    parts = [Part(results, run, len(runs) == 1) for run, results in runs.items()]
    sources = _sources(parts)
    sections = report.sections if detailed else [item for item in report.sections if not item.folded]
    return {
        "format": FORMAT,
        "packed": [*PACKED],
        "title": formatting.one_line(report.title),
        "about": [formatting.one_line(line) for line in report.about],
        "command": report.command or "",
        "rules": RULES,
        "runs": [_run(part) for part in parts],
        "lanes": [row for part in parts for row in _lanes(part)],
        **sources,
        "samples": [row for part in parts for row in _samples(part)] if detailed else [],
        "sections": [
            {"title": item.title, "folded": item.folded, "tables": list(map(table_data, item.tables))}
            for item in sections
        ],
        "several": [row for part in parts for row in (*_several(part), *_under_load(part))],
        "charts": list(_charts(parts, sources)),
    }


def _several(part: Part) -> Iterable[Row]:
    """For each place with several devices, whether they train faster than one."""
    for device in by_device(part.results):
        found = scaling.answer(part.results, device)
        if found is not None:
            clauses = [{"who": clause.who, "text": "", "places": clause.places} for clause in found.clauses]
            yield {"run": part.run, "device": device, "question": found.question, "clauses": clauses}


def _under_load(part: Part) -> Iterable[Row]:
    """For each device, mode and precision, which framework keeps the latency limit at the highest rate."""
    for way in dict.fromkeys(item.lane[1:4] for item in servers(part.results)):
        for found in under_load.answers(part.results, way):
            clauses = [{"who": clause.who, "text": "", "places": clause.places} for clause in found.clauses]
            names = dict(zip(("device", "mode", "precision"), way, strict=True))
            yield {"run": part.run, **names, "question": found.question, "clauses": clauses}


def table_data(table: Table) -> Row:
    """A table of the report: headings, and each entry as its text, its value and whether it is bold."""
    return {
        "title": table.title,
        "columns": [[column.heading, column.alignment] for column in table.columns],
        "rows": [[[entry.text, entry.value, int(entry.best)] for entry in row] for row in table.rows],
        "notes": list(table.notes),
    }


def _charts(parts: Sequence[Part], sources: catalogue.Data) -> Iterator[Row]:
    """The charts that have data; one that cannot be made is named where it is drawn as a file."""
    for name, chart in catalogue.CHARTS.items():
        if chart.source == "overview" or catalogue.rows_of(chart, sources[chart.source]):
            with suppress(Exception):
                yield chart_data(name, chart, parts)


def chart_data(name: str, chart: catalogue.Chart, parts: Iterable[Part] = ()) -> Row:
    """A chart with everything that the page needs to fill it from the data."""
    return {
        "name": name,
        "caption": chart.caption,
        "marks": chart.marks + next((words for part in parts if (words := chart.remark(part.results))), ""),
        "source": chart.source,
        "metrics": chart.metrics or {},
        "role": chart.role,
        "scenario": chart.scenario,
        "dots": chart.dots,
        "lines": chart.lines,
        "needs": chart.needs,
        "spec": catalogue.declared(chart.spec),
    }


def _run(part: Part) -> Row:
    """What a reader must know of a run: its machine, its noise, its environment, what its proofs mean."""
    proofs = [record.certificate for record in part.results.records if record.certificate]
    environment = environment_table(part.results)
    return {
        "run": part.run,
        "source": {device: files.source(one) for device, one in by_device(part.results).items()},
        "noise": typical_spread(part.results),
        "proven": legend(proofs),
        "environment": [[row[0].text, row[1].text] for row in environment.rows],
        "remarks": list(environment.notes),
    }


def _sources(parts: Sequence[Part]) -> catalogue.Data:
    """The rows of all charts; those of several runs have panels of their own."""
    found: dict[str, list[Row]] = {}
    for part in parts:
        for name in catalogue.SOURCES:
            if name != "overview":  # made by the page, which can also choose what is 1.00×
                found.setdefault(name, []).extend(_of_run(part, catalogue.source_rows(part.results, name)))
    return dict(found)


def _of_run(part: Part, rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        panel = row["panel"] if part.is_alone else f"{row['panel']} ({part.run})"
        yield {**row, "run": part.run, "panel": panel}


def _lanes(part: Part) -> Iterator[Row]:
    """A row for each workload and framework: proof, quality, memory, and the command that measures it again."""
    results = part.results
    for workload in workloads(results):
        for row in lanes(results, workload):
            state = status(results, workload, row)
            cell = summary_cells(results, workload, row)[0]
            found = peak(results, workload, row, batch_size=cell.batch_size if cell else None)
            yield {
                **next(iter(_of_run(part, [lane_names(results, workload, row)]))),
                "status": STATUS_WORDS[state],
                "proven": state == "passed",
                "quality": _quality(results, workload, row),
                "peak": [found.whole_bytes, found.added_bytes, found.metric] if found else None,
                "proofs": [_proof(item) for item in certificates(results, workload, row) if item is not None],
                "settings": _settings(results, workload, row),
                "command": _command(results, workload, row),
            }


def _quality(results: Results, workload: str, row: Lane) -> Row | None:
    """The metric of the workload on the test set, by seed, and what may differ; None if nothing was learnt."""
    found = learnt(results, workload).get(row, ())
    if not found:
        return None
    metric = found[0].target_metric
    values = {item.seed: item.quality[metric] for item in found if metric in item.quality}
    text = primary_quality(results, workload, row)[1].text
    shown = {"metric": words(metric), "text": text, "values": list(values.values())}
    return {**shown, "is_score": is_better(metric, 1.0, 0.0), "far": _far_from(results, workload, row, metric)}


def _far_from(results: Results, workload: str, row: Lane, metric: str) -> list[list[str | float]]:
    """The frameworks of the same mode and precision that learnt something else, beyond chance: name and difference."""
    alike = {item.contender: found for item, found in learnt(results, workload).items() if item[1:] == row[1:]}
    by_seed = {name: _by_seed(found, metric) for name, found in alike.items()}
    found = differences({name: values for name, values in by_seed.items() if values})
    return [
        [item.second if item.first == row.contender else item.first, abs(item.mean)]
        for item in found
        if item.is_significant and row.contender in {item.first, item.second}
    ]


def _by_seed(found: Iterable[Learning], metric: str) -> Mapping[int, float]:
    return {item.seed: item.quality[metric] for item in found if metric in item.quality}


def _proof(found: Certificate) -> Row:
    """A certificate: each check with what was found and allowed."""
    return {
        "checks": [
            [item.check, item.against, formatting.deviation(item.found), formatting.limit(item.allowed), item.holds]
            for item in found.deviations
        ],
        "notes": list(found.notes),
        "problem": found.problem or "",
        "steps": found.steps,
    }


def _settings(results: Results, workload: str, row: Lane) -> list[list[str]]:
    """The settings of a framework as its adapter reported them."""
    found: dict[str, dict[str, None]] = {}
    for record in of_lane(results, workload)[row]:
        for name, value in record.settings.items():
            found.setdefault(name, {})[value] = None
    return [[name, "; ".join(values)] for name, values in found.items()]


def _command(results: Results, workload: str, row: Lane) -> str:
    """The command that measures a framework and a workload again."""
    feeds = (record.case.feed for record in of_workload(results)[workload] if lane(record.case) == row)
    return measured_again(row, workload=workload, feeds=feeds)


def _samples(part: Part) -> Iterator[Row]:
    """The timings of each process of each cell in microseconds, thinned to samples at equal distances."""
    for record, cell, block in timed(part.results.records):
        names = cell_names(part.results, cell)
        keys = ("workload", "label", "scenario", "feed", "batch")
        yield {
            "run": part.run,
            **{key: names[key] for key in keys},
            "process": record.case.replicate + 1,
            "order": record.order,
            "started": record.started,
            "warm_up": len(block.call_ns) + len(block.warm_up_ns),
            "steady": block.steady,
            "calls": len(block.synchronised_ns),
            "rounds": len(block.pipelined_ns),
            "per_round": block.iterations_per_round,
            "call_us": _thinned(block.synchronised_ns, SINGLE, 1e3),
            "round_us": _thinned(block.pipelined_ns, ROUNDS, 1e3 * block.iterations_per_round),
        }


def _thinned(values_ns: Sequence[int], most: int, divisor: float) -> list[float]:
    number = len(values_ns)
    kept = values_ns if number <= most else [values_ns[round(at * (number - 1) / (most - 1))] for at in range(most)]
    return [float(f"{value / divisor:.{SAMPLE_DIGITS}g}") for value in kept]
