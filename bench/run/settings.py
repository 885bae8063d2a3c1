"""What a run is about, and the jobs that it hands out to processes."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.records.record import Case, Certificate, Record, SearchResult, to_json
from bench.run.worker_pool import UNTIMED_AT_ONCE
from bench.workload.frameworks import Contender
from bench.workload.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a run tells: a proof, options that are tried or chosen, a case that starts, moves on or ends."""

    kind: Literal["proving", "proven", "tuning", "tuned", "started", "progress", "finished"]
    case: Case | None = None
    record: Record | None = None
    certificate: Certificate | None = None
    tuning: SearchResult | None = None
    news: Mapping[str, Any] = field(default_factory=dict)


Listen = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How cases are run; `append` stores a record as soon as it is there.

    `processes` time each case. `logs` takes what the libraries print, `models` what was learnt, where it is to be kept.
    `memory_bytes` is what the search for the largest batch may fill on a CPU; None is most of what is free. `planted`
    is the share of its own time that is added to every timed call of a case, and `turns` the folder and the side of a
    run that has turns with another in this case. `next_order` is the order of the next record of the run: above 0 where
    a run goes on.
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
    """What a process needs to know to measure a case."""
    workload = settings.workloads[case.workload]
    return {
        "kind": "measure",
        "framework": case.framework,
        "device": case.device,
        "threads": case.threads,
        "workload": workload.content,
        "source": workload.source,
        "log": str(settings.logs / f"{workload.name}-{case.contender}.log".replace("/", "-")),
        "case": to_json(case),
        "block_seconds": settings.block_seconds,
        "processes": settings.processes,
        "models": str(settings.models) if settings.models else None,
        "planted": settings.planted(case),
        "turns": settings.turns(case),
    }


def contender(case: Case) -> Contender:
    """Who runs a case."""
    return Contender(case.framework, case.backend)


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
