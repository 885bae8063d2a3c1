"""Cases to records: proofs and memory first, two at a time, then one timed case after another.

Each in a fresh process. The search for the largest batch is a case that takes several.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, final

import psutil
from pydantic import TypeAdapter

from bench import capacity, frameworks
from bench.environment import available_cores, environment
from bench.fleet import Fleet
from bench.frameworks import Contender
from bench.process import Ending
from bench.proof import Proofs, source_digest
from bench.record import SCHEMA_VERSION, Capacity, Case, Certificate, Measurement, Precision, Record, Trial, to_json
from bench.variant import proven_by
from bench.workload import Workload

UNTIMED_AT_ONCE = 2  # proofs and memory are no timings, so they may share the cores
PROOF_LIMIT_S = 1800.0
NANOSECONDS = 1e9
ATTEMPTS = 3
COOL_DOWN_S = 20.0
FILLED = 0.8  # of the memory that is free on a CPU, where nothing else was asked for: the rest is for everybody else


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a run tells while it goes on: a proof or a case that starts, moves on, or ends with a record."""

    kind: Literal["proving", "proven", "started", "progress", "finished"]
    case: Case | None = None
    record: Record | None = None
    certificate: Certificate | None = None
    news: Mapping[str, Any] = field(default_factory=dict)


Listen = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How cases are run; `append` stores a record as soon as it is there.

    `logs` takes what the libraries print, `models` what was learnt, where it is to be kept. `memory_bytes` is what the
    search for the largest batch may fill on a CPU; None is most of what is free. `planted` is the share of its own
    time that is added to every timed call of a case, and `turns` the folder and the side of a run that has turns with
    another in this case.
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
    memory_bytes: int | None = None
    planted: Callable[[Case], float] = lambda _: 0.0
    turns: Callable[[Case], Mapping[str, str] | None] = lambda _: None


def run(cases: Sequence[Case], settings: Settings) -> list[Record]:
    """Measure the cases and store a record for each; an interrupt ends every process and is handed on."""
    fleet = Fleet(settings.logs)
    try:
        fleet.start((_contender(case), case.device) for case in cases)
        memory = [case for case in cases if case.purpose == "memory"]
        with _pool() as pool:
            proofs = _begin_proofs(fleet, pool, cases, settings)
            spawned = [pool.submit(_measure, case, fleet, settings) for case in memory]
            writer = _Writer(settings, _collect(proofs, cases, settings))
            records = [writer.write(case, found.result()) for case, found in zip(memory, spawned, strict=True)]
        fleet.wait()
        timed = (case for case in cases if case.purpose != "memory")
        return records + [_attempt(case, fleet, settings, writer) for case in timed]
    finally:
        fleet.close()


def certify(  # noqa: PLR0913 (what is proven, and how it is told)
    workloads: Sequence[Workload],
    contenders: Sequence[Contender],
    *,
    device: str,
    precision: Precision = "fp32",
    logs: Path,
    listen: Listen,
) -> dict[tuple[str, str], Certificate]:
    """The certificates of these contenders, by workload and contender."""
    fleet = Fleet(logs)
    try:
        with _pool() as pool:
            proofs = Proofs(fleet, pool, threads=available_cores(), limit_s=PROOF_LIMIT_S, tell=_teller(listen))
            for workload in workloads:
                proofs.begin(workload, contenders, device=device, precision=precision)
            made = {item.name: proofs.collect(item, device=device, precision=precision) for item in workloads}
        return {
            (name, str(item)): certificates[str(item)] for name, certificates in made.items() for item in contenders
        }
    finally:
        fleet.close()


def measured_s(record: Record) -> float:
    """The seconds of a record that were measured: every timed call, the epochs of learning, the search for a batch."""
    spent = 0
    for block in record.measurement.blocks:
        spent += sum(map(sum, (block.call_ns, block.warm_up_ns, block.synchronised_ns, block.pipelined_ns)))
    if record.measurement.learning:
        spent += sum(epoch.train_ns + epoch.evaluation_ns for epoch in record.measurement.learning.epochs)
    if record.measurement.capacity:
        return record.duration_s
    return spent / NANOSECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """How one case went: its ending, when it began, how long it took and how busy the machine was."""

    ending: Ending
    started: str
    duration_s: float
    loadavg: float | None


def _attempt(case: Case, fleet: Fleet, settings: Settings, writer: "_Writer") -> Record:
    """The record that counts of a case: where the machine was throttled, it cools down, and the case is tried again.

    Every attempt is stored. In turns there is one: the other run would not be there for a second.
    """
    record = writer.write(case, _measure(case, fleet, settings))
    while record.attempt < ATTEMPTS and _hindered(record) and settings.turns(case) is None:
        time.sleep(COOL_DOWN_S)
        record = writer.write(case, _measure(case, fleet, settings), attempt=record.attempt + 1)
    return record


def _hindered(record: Record) -> bool:
    return any(block.use is not None and block.use.hindered for block in record.measurement.blocks)


def _measure(case: Case, fleet: Fleet, settings: Settings) -> _Run:
    """One case in a fresh process: forked, or for its memory spawned."""
    settings.listen(Event(kind="started", case=case))
    started, begun = datetime.now(tz=UTC).isoformat(timespec="seconds"), time.monotonic()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    job, contender = _job(case, settings), _contender(case)
    if case.purpose == "memory":
        ending = fleet.run_spawned(contender, case.device, job, limit_s=settings.limit_s)
    elif case.purpose == "capacity":
        ending = _search(case, fleet, settings)
    else:
        ending = fleet.run(
            contender,
            case.device,
            job,
            limit_s=settings.limit_s,
            listen=lambda news: settings.listen(Event(kind="progress", case=case, news=news)),
        )
    return _Run(ending=ending, started=started, duration_s=time.monotonic() - begun, loadavg=load)


def _search(case: Case, fleet: Fleet, settings: Settings) -> Ending:
    """The largest batch that fits, with every size in a fresh process; it ends well where at least one sample fits."""
    limit = None
    if case.device == "cpu":
        limit = settings.memory_bytes or int(FILLED * psutil.virtual_memory().available)
    trials: list[Trial] = []
    endings: list[Ending] = []

    def fits(size: int) -> bool:
        job = _job(replace(case, batch_sizes=(size,)), settings) | {"memory_limit_bytes": limit}
        endings.append(fleet.run(_contender(case), case.device, job, limit_s=settings.limit_s))
        trials.append(_trial(size, endings[-1].result))
        settings.listen(Event(kind="progress", case=case, news={"batch_size": size, "outcome": trials[-1].outcome}))
        return trials[-1].fits

    capacity.search(fits, limit=max(case.batch_sizes))
    found = Capacity(trials=tuple(trials), memory_limit_bytes=limit)
    # Where nothing fits, the last size that was tried is one sample, and how that ended is how it all did.
    shown = endings[-1] if found.largest is None else endings[trials.index(found.largest)]
    return replace(shown, result=shown.result | {"measurement": to_json(Measurement(capacity=found))})


def _trial(size: int, result: Mapping[str, Any]) -> Trial:
    made = TypeAdapter(Measurement).validate_python(result.get("measurement", {}))
    if made.capacity is not None:
        return replace(made.capacity.trials[0], outcome=result["outcome"], error=result["error"])
    return Trial(batch_size=size, outcome=result["outcome"], error=result["error"])


def _job(case: Case, settings: Settings) -> dict[str, Any]:
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
        "models": str(settings.models) if settings.models else None,
        "planted": settings.planted(case),
        "turns": settings.turns(case),
    }


@final
class _Writer:
    """Makes records of what was measured, and hands them to the store in their order."""

    def __init__(self, settings: Settings, certificates: "Certificates") -> None:
        self.settings, self.certificates = settings, certificates
        self.written = 0

    def write(self, case: Case, run: _Run, *, attempt: int = 1) -> Record:
        result = run.ending.result
        versions = frameworks.versions(_contender(case)) | result.get("versions", {})
        workload = self.settings.workloads[case.workload]
        record = Record(
            schema_version=SCHEMA_VERSION,
            run=self.settings.run,
            case=case,
            outcome=result["outcome"],
            error=result["error"],
            started=run.started,
            duration_s=run.duration_s,
            startup_s=run.ending.startup_s,
            order=self.written,
            start_method="spawn" if case.purpose == "memory" else "fork",
            settings=result.get("settings", {}),
            measurement=TypeAdapter(Measurement).validate_python(result.get("measurement", {})),
            certificate=self.certificates.get((_subject(case), case.contender)),
            environment=environment(versions, machine=self.settings.machine),
            workload_digest=workload.digest,
            source_digest=source_digest(workload, case.framework),
            loadavg=run.loadavg,
            attempt=attempt,
        )
        self.settings.append(record)
        self.settings.listen(Event(kind="finished", case=case, record=record))
        self.written += 1
        return record


def _begin_proofs(fleet: Fleet, pool: ThreadPoolExecutor, cases: Sequence[Case], settings: Settings) -> Proofs:
    proofs = Proofs(fleet, pool, threads=available_cores(), limit_s=PROOF_LIMIT_S, tell=_teller(settings.listen))
    for subject in _subjects(cases):
        chosen = sorted({_contender(case) for case in cases if _subject(case) == subject})
        proofs.begin(settings.workloads[subject.workload], chosen, device=subject.device, precision=subject.precision)
    return proofs


def _collect(proofs: Proofs, cases: Sequence[Case], settings: Settings) -> "Certificates":
    certificates = {}
    for subject in _subjects(cases):
        workload = settings.workloads[subject.workload]
        made = proofs.collect(workload, device=subject.device, precision=subject.precision)
        for name, certificate in made.items():
            certificates[subject, name] = certificate
            settings.listen(Event(kind="proven", certificate=certificate, news={"workload": subject.workload}))
    return certificates


class _Subject(NamedTuple):
    """What is to be proven."""

    workload: str
    device: str
    precision: Precision


Certificates = Mapping[tuple[_Subject, str], Certificate]


def _subjects(cases: Sequence[Case]) -> list[_Subject]:
    return list(dict.fromkeys(map(_subject, cases)))


def _subject(case: Case) -> _Subject:
    """One fold of a workload stands for the others."""
    return _Subject(proven_by(case.workload), case.device, case.precision)


def _contender(case: Case) -> Contender:
    return Contender(case.framework, case.backend)


def _teller(listen: Listen) -> Callable[[str, str, str], None]:
    def tell(workload: str, contender: str, precision: str) -> None:
        news = {"workload": workload, "contender": contender, "precision": precision}
        listen(Event(kind="proving", news=news))

    return tell


@contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for untimed jobs; an interrupt drops the jobs that have not begun."""
    pool = ThreadPoolExecutor(max_workers=UNTIMED_AT_ONCE)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
