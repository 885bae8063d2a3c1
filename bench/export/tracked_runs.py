"""What a tracking server shows: one run for each framework on each workload, with its figures and learning curves."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from bench.analysis import load_figures
from bench.analysis.long_table import MEMORY, Figure, figures
from bench.export.curves import Point, points
from bench.records.record import Case, Certificate, Record
from bench.records.record_lines import to_line
from bench.records.timing_metrics import METRICS

FIELDS = ("run", "workload", "framework", "device", "mode", "precision")  # what a tracked run is told apart by
USUALLY_ONE = ("device", "mode", "precision")  # in the name of a tracked run only if its run has several
# The metrics that a tracked run has, next to the quality on the test data and the figures of servers.
HEADLINES = frozenset(
    {
        *("samples_per_second", "step_time_p50_s", "step_time_p90_s"),
        *("query_time_p50_s", "query_time_p90_s", "query_time_p99_s"),
        *("first_call_time_s", "joules_per_sample", "time_to_target_s", "largest_batch"),
        *(*MEMORY, *load_figures.METRICS),
    }
)
AT_SMALLEST_BATCH = "query_time_"  # of latencies the one at the smallest batch is shown, of all others at the largest
NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_\-. :/]")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """One framework on one workload.

    `key` is the same whenever the run is logged, and of no other run. `digest` stands for the records. `curves` has the
    points of each seed; those of the seeds after 0 have names that end in it.
    """

    name: str
    key: str
    digest: str
    run: str
    is_whole: bool
    began: float
    ended: float
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    curves: tuple[Point, ...]
    lines: str
    models: tuple[str, ...]


def tracked_runs(records: Sequence[Record]) -> list[TrackedRun]:
    """The tracked runs of all runs among the records."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(_fields(record), []).append(record)
    return [_tracked(fields, found, name=_name(fields, groups)) for fields, found in groups.items()]


def _fields(record: Record) -> tuple[str, ...]:
    case = record.case
    return record.run, case.workload, case.contender, case.device, case.mode, case.precision


def _name(fields: tuple[str, ...], known: Iterable[tuple[str, ...]]) -> str:
    """Workload and framework, and those of device, mode and precision that vary within the run."""
    beside = [dict(zip(FIELDS, other, strict=True)) for other in known if other[0] == fields[0]]
    own = dict(zip(FIELDS, fields, strict=True))
    varying = [own[field] for field in USUALLY_ONE if len({other[field] for other in beside}) > 1]
    return " ".join((own["workload"], own["framework"], *varying))


def _tracked(fields: tuple[str, ...], records: Sequence[Record], *, name: str) -> TrackedRun:
    lines = "".join(f"{to_line(record)}\n" for record in records)
    began = [datetime.fromisoformat(record.started).timestamp() for record in records]
    return TrackedRun(
        name=name,
        key=_digest("\n".join(fields)),
        digest=_digest(lines),
        run=fields[0],
        is_whole=all(record.outcome == "ok" and _is_proven(record.certificate) for record in records),
        began=min(began),
        ended=max(start + record.duration_s for start, record in zip(began, records, strict=True)),
        tags=_tags(records),
        params=_params([record.case for record in records]),
        metrics=dict(_metrics(records)),
        curves=tuple(_curves(records)),
        lines=lines,
        models=tuple(f"{item.case.workload}-{item.case.learner}" for item in records if item.measurement.learning),
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()


def _is_proven(certificate: Certificate | None) -> bool:
    return certificate is not None and (certificate.passed or certificate.alone)


def _tags(records: Sequence[Record]) -> dict[str, str]:
    """Where the figures come from, how the cases ended, and whether the work was proven equal."""
    environment = records[0].environment
    outcomes = Counter(record.outcome for record in records)
    found = {
        "run": records[0].run,
        "machine": _each(record.environment.machine for record in records),
        "cpu": environment.cpu,
        "gpus": _each(environment.gpus),
        "python": environment.python,
        "levelfield": environment.levelfield,
        "commit": environment.commit or "",
        "workload_digest": _each(record.workload_digest for record in records),
        "source_digest": _each(record.source_digest for record in records),
        "certificate": _each(_proof(record.certificate) for record in records),
        "outcomes": ", ".join(f"{outcome} {count}" for outcome, count in outcomes.items()),
        "seeds": _each(str(record.case.seed) for record in records if record.measurement.learning),
        "error": next((record.error for record in records if record.error), ""),
        **{f"versions.{library}": version for library, version in environment.versions.items()},
    }
    return {f"levelfield.{name}": value for name, value in found.items() if value}


def _proof(certificate: Certificate | None) -> str:
    if certificate is None:
        return "missing"
    if certificate.passed or certificate.alone:
        return "proven equal" if certificate.passed else "no proof expected"
    return f"no proof: {certificate.problem}" if certificate.problem else "proof failed"


def _params(cases: Sequence[Case]) -> dict[str, str]:
    """The fields of the cases; batch sizes by scenario, and what was asked of a server by its load."""
    found: dict[str, list[str]] = {"framework": [cases[0].contender]}
    for case in cases:
        for field in ("workload", "device", "mode", "precision", "threads", "feed"):
            found.setdefault(field, []).append(str(getattr(case, field)))
        if case.serving is None:
            found.setdefault(f"{case.scenario}.batch_sizes", []).extend(map(str, case.batch_sizes))
        else:
            asked = {key: value for key, value in asdict(case.serving).items() if key != "load" and value is not None}
            for key, value in asked.items():
                found.setdefault(f"{case.serving.load}.{key}", []).append(str(value))
    return {name: _each(values) for name, values in found.items()}


def _metrics(records: Sequence[Record]) -> Iterator[tuple[str, float]]:
    """The headline figures by name, each with the ends of its interval as `.low` and `.high`."""
    chosen: dict[str, Figure] = {}
    for figure in figures(records):
        name = _metric(figure)
        if figure.metric in HEADLINES or figure.metric.startswith("test_"):
            known = chosen.setdefault(name, figure)
            sign = -1 if figure.metric.startswith(AT_SMALLEST_BATCH) else 1
            if sign * figure.cell.batch_size > sign * known.cell.batch_size:
                chosen[name] = figure
    for name, figure in chosen.items():
        yield from ((name, figure.value), (f"{name}.low", figure.low), (f"{name}.high", figure.high))


def _metric(figure: Figure) -> str:
    """The name of a figure, with its scenario in front if the metric has several and this is not training."""
    scenario = figure.cell.scenario
    if figure.metric in load_figures.METRICS:
        is_known = load_figures.METRICS[figure.metric].loads == (scenario,)
    else:
        is_known = figure.metric in METRICS and METRICS[figure.metric].scenarios == (scenario,)
    name = figure.metric if scenario == "training" or is_known else f"{scenario}.{figure.metric}"
    return NOT_IN_A_NAME.sub("_", name)


def _curves(records: Iterable[Record]) -> Iterator[Point]:
    for record in records:
        end = f".seed{record.case.seed}" if record.case.seed else ""
        for point in points(record):
            name = NOT_IN_A_NAME.sub("_", point.curve) + end
            yield Point(curve=name, value=point.value, epoch=point.epoch, wall_time=point.wall_time)


def _each(values: Iterable[str]) -> str:
    """The different values in the order in which they come first."""
    return ", ".join(dict.fromkeys(values))
