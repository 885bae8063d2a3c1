"""Holds the settings of a run, and makes the jobs that are sent to its processes."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.analysis.remaining_time import Work
from bench.records.record import Case, Certificate, Record, SearchResult, to_json
from bench.run.worker_pool import UNTIMED_AT_ONCE
from bench.workload.frameworks import Contender
from bench.workload.workload import Workload

ASSUMED_SEARCH_S = 60.0  # some ten candidates in four rounds

WorkKind = Literal["planned", "begun", "ended", "waiting", "proven", "tuning", "tuned"]
CaseKind = Literal["started", "progress", "measured", "finished"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One step of a run, for those who show its progress.

    A `work` is planned, begun and ended, a certificate is proven, a search is tuning a case and has tuned it. A case is
    started, makes progress, is measured, and is finished when its record is stored. `waiting` says in its news `for`
    what the run waits for while nothing else runs.
    """

    kind: WorkKind | CaseKind
    work: Work | None = None
    case: Case | None = None
    record: Record | None = None
    certificate: Certificate | None = None
    tuning: SearchResult | None = None
    news: Mapping[str, Any] = field(default_factory=dict)


Listen = Callable[[Event], None]
ENDING = Event(kind="waiting", news={"for": "the worker processes to end"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How the cases of a run are measured; `append` stores a record at once.

    `processes` is the number of processes that time each case. `logs` is the folder for the output of the libraries,
    `models` the one for trained weights; None keeps no weights. `memory_bytes` is how much host memory the search for
    the largest batch may fill on a CPU; None is most of the free memory. `planted` returns by how much every timed call
    of a case is slowed down on purpose, as a share of its time. `turns` returns the folder and the side (`base` or
    `head`) of a case whose rounds are interleaved with those of another run. `next_order` numbers the next record; it
    is above 0 where an earlier run is resumed.
    """

    run: str
    machine: str
    workloads: Mapping[str, Workload]
    block_seconds: float
    limit_s: float
    logs: Path
    models: Path | None
    append: Callable[[Record], None]
    listen: Listen
    next_order: int = 0
    processes: int = 1
    memory_bytes: int | None = None
    planted: Callable[[Case], float] = lambda _: 0.0
    turns: Callable[[Case], Mapping[str, str] | None] = lambda _: None


def job(case: Case, settings: RunSettings) -> dict[str, Any]:
    """The job that a process needs to measure a case, as JSON."""
    workload = settings.workloads[case.workload]
    return {
        "kind": "measure",
        "framework": case.framework,
        "device": case.device,
        "threads": case.threads,
        "workload": workload.content,
        "source": workload.source,
        "limit_s": settings.limit_s,
        "load_logs": str(settings.logs.parent / "load"),
        "log": str(settings.logs / f"{workload.name}-{case.contender}.log".replace("/", "-")),
        "case": to_json(case),
        "block_seconds": settings.block_seconds,
        "processes": settings.processes,
        "models": str(settings.models) if settings.models else None,
        "planted": settings.planted(case),
        "turns": settings.turns(case),
    }


def search_work(case: Case) -> Work:
    """The search for the options of a case, at all its batch sizes."""
    sizes = ", ".join(map(str, case.batch_sizes))
    where = "" if case.device == "cpu" else f" on {case.device}"
    what = f"{case.workload} {case.contender}{where} {case.scenario}, batch {sizes}, in {case.precision}"
    return Work(
        name=f"searching options for {what}", purpose="search", framework=case.contender, estimate_s=ASSUMED_SEARCH_S
    )


def contender(case: Case) -> Contender:
    """The framework of a case, with Keras' backend."""
    return Contender(case.framework, case.backend)


@contextmanager
def shown(work: Work, listen: Listen) -> Iterator[None]:
    """Tell that a piece of work begins, and that it ends, however it ends."""
    listen(Event(kind="begun", work=work))
    try:
        yield
    finally:
        listen(Event(kind="ended", work=work))


@contextmanager
def untimed() -> Iterator[ThreadPoolExecutor]:
    """Threads for untimed jobs; an interrupt drops the jobs that have not begun."""
    pool = ThreadPoolExecutor(max_workers=UNTIMED_AT_ONCE)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
