"""Cases to records: proofs and memory first, two at a time, then one timed case after another, each in a fresh process."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Literal, final

from pydantic import TypeAdapter, ValidationError

from bench import equivalence, families, frameworks
from bench.environment import cache_folder, environment
from bench.equivalence import Trace
from bench.frameworks import Contender
from bench.process import Ending, Job, Launcher, LauncherError, Message
from bench.record import SCHEMA_VERSION, Case, Certificate, Measurement, Record
from bench.workload import Workload
from models.layers.spec import without_dropout

PRECISIONS = ("fp64", "fp32")
UNTIMED_AT_ONCE = 2  # proofs and memory are no timings, so they may share the cores


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a run tells while it goes on: a proof or a case that starts, moves on, or ends with a record."""

    kind: Literal["loading", "proving", "proven", "started", "progress", "finished"]
    case: Case | None = None
    record: Record | None = None
    certificate: Certificate | None = None
    news: Mapping[str, Any] = field(default_factory=dict)


Listen = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How cases are run; `append` stores a record as soon as it is there, `logs` takes what the libraries print."""

    run: str
    machine: str
    workloads: Mapping[str, Workload]
    block_seconds: float
    limit_s: float
    logs: Path
    append: Callable[[Record], None]
    listen: Listen


def run(cases: Sequence[Case], settings: Settings) -> list[Record]:
    """Measure the cases and store a record for each; an interrupt ends every process and is handed on."""
    launchers = _Launchers(settings.logs)
    try:
        contenders = {(Contender(case.framework, case.backend), case.device) for case in cases}
        launchers.start(contenders)
        settings.listen(Event(kind="loading"))
        subjects = list(dict.fromkeys((case.workload, case.device) for case in cases))
        proofs = _Proofs(launchers, settings)
        memory = [case for case in cases if case.purpose == "memory"]
        records: list[Record] = []
        with _pool() as pool:
            for name, device in subjects:
                chosen = tuple(contender for contender, where in sorted(contenders) if where == device)
                proofs.prepare(pool, settings.workloads[name], chosen, device=device)
            spawned = [pool.submit(_spawned, case, settings) for case in memory]
            for name, device in subjects:
                proofs.collect(settings.workloads[name], device=device)
            for case, ending in zip(memory, spawned, strict=True):
                records.append(_store(case, *ending.result(), proofs, settings, order=len(records)))
        launchers.wait()
        for case in cases:
            if case.purpose != "memory":
                settings.listen(Event(kind="started", case=case))
                records.append(_store(case, *_forked(case, launchers, settings), proofs, settings, order=len(records)))
        return records
    finally:
        launchers.close()


def certify(
    workloads: Sequence[Workload], contenders: Sequence[Contender], *, device: str, logs: Path, listen: Listen
) -> dict[tuple[str, str], Certificate]:
    """The certificates of these contenders, by workload and contender."""
    launchers = _Launchers(logs)
    settings = Settings(
        run="", machine="", workloads={}, block_seconds=0, limit_s=600, logs=logs, append=lambda _: None, listen=listen
    )
    try:
        launchers.start({(contender, device) for contender in contenders})
        proofs = _Proofs(launchers, settings)
        with _pool() as pool:
            for workload in workloads:
                proofs.prepare(pool, workload, tuple(contenders), device=device)
            for workload in workloads:
                proofs.collect(workload, device=device)
        return {
            (workload.name, str(contender)): proofs.certificates[workload.name, str(contender), device]
            for workload in workloads
            for contender in contenders
        }
    finally:
        launchers.close()


def probe(contenders: Sequence[Contender], *, device: str, logs: Path) -> dict[Contender, Message]:
    """What each framework is and sees, asked at once; a framework that cannot say has an outcome and an error."""
    launchers = _Launchers(logs)
    try:
        launchers.start({(contender, device) for contender in contenders})
        found = {}
        for contender in contenders:
            job = {"kind": "probe", "framework": contender.framework, "device": "cpu", "log": str(logs / "probe.log")}
            try:
                found[contender] = launchers.run(contender, device, job, limit_s=60).result
            except LauncherError as error:
                found[contender] = {"outcome": "failed", "error": str(error), "devices": []}
        return found
    finally:
        launchers.close()


def measured_s(record: Record) -> float:
    """The seconds of a record that were measured: every timed call, and the epochs of learning."""
    blocks = record.measurement.blocks
    spent = sum(
        sum(block.call_ns) + sum(block.warm_up_ns) + sum(block.synchronised_ns) + sum(block.pipelined_ns)
        for block in blocks
    )
    learning = record.measurement.learning
    spent += sum(epoch.train_ns + epoch.evaluation_ns for epoch in learning.epochs) if learning else 0
    return spent / 1e9


def source_digest(workload: Workload, framework: str) -> str:
    """How it is done: the framework's files of the family, and its adapter."""
    text = families.framework_source(workload.family, framework) + frameworks.adapter_source(framework)
    return hashlib.sha256(text).hexdigest()[:16]


@final
class _Launchers:
    """The launchers of a run, each used by one job at a time, and replaced where it has died."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.launchers: dict[tuple[Contender, str], Launcher] = {}
        self.locks: dict[tuple[Contender, str], Lock] = {}

    def start(self, wanted: set[tuple[Contender, str]]) -> None:
        """Start all at once: they import their frameworks side by side."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for contender, device in sorted(wanted):
            self.locks[contender, device] = Lock()
            self.launchers[contender, device] = self.launch(contender, device)

    def launch(self, contender: Contender, device: str, *, spawned: bool = False) -> Launcher:
        name = f"{contender}-{device}".replace("/", "-").replace(":", "-")
        log = self.logs / f"launcher-{name}.log"
        return Launcher(contender.framework, contender.backend, device=device, log=log, spawned=spawned)

    def wait(self) -> None:
        """Return when all are ready, so that no import disturbs what is timed next."""
        for launcher in self.launchers.values():
            if launcher.alive:
                launcher.wait_until_ready()

    def run(
        self,
        contender: Contender,
        device: str,
        job: Job,
        *,
        limit_s: float,
        listen: Callable[[Message], None] | None = None,
    ) -> Ending:
        with self.locks[contender, device]:
            launcher = self.launchers[contender, device]
            if not launcher.alive:
                launcher.close()
                launcher = self.launchers[contender, device] = self.launch(contender, device)
            return launcher.run(job, limit_s=limit_s, listen=listen or (lambda _: None))

    def close(self) -> None:
        for launcher in self.launchers.values():
            launcher.close()


@final
class _Proofs:
    """Makes the traces that are not in the cache yet, and from all of them the certificates."""

    def __init__(self, launchers: _Launchers, settings: Settings) -> None:
        self.launchers, self.settings = launchers, settings
        self.pending: dict[tuple[str, str], list[tuple[Contender, str, Any]]] = {}
        self.certificates: dict[tuple[str, str, str], Certificate] = {}

    def prepare(
        self, pool: ThreadPoolExecutor, workload: Workload, contenders: tuple[Contender, ...], *, device: str
    ) -> None:
        """Begin the proofs of one workload, with a second framework to compare with where only one was chosen."""
        proven = (*contenders, *_second(contenders))
        self.launchers.start({(item, device) for item in proven if (item, device) not in self.launchers.launchers})
        self.pending[workload.name, device] = [
            (contender, precision, pool.submit(self.trace, workload, contender, device, precision))
            for precision in PRECISIONS
            for contender in proven
        ]

    def collect(self, workload: Workload, *, device: str) -> None:
        """Wait for the traces of one workload and hold them against each other."""
        traces: dict[str, dict[str, Trace]] = {precision: {} for precision in PRECISIONS}
        problems: dict[str, str] = {}
        for contender, precision, future in self.pending.pop((workload.name, device)):
            found = future.result()
            if isinstance(found, str):
                problems[str(contender)] = found
            else:
                traces[precision][str(contender)] = found
        dropout = without_dropout(workload.spec) != workload.spec
        for name in dict.fromkeys((*traces["fp64"], *traces["fp32"], *problems)):
            certificate = equivalence.certify(name, traces["fp64"], traces["fp32"], dropout=dropout)
            if name in problems:
                certificate = replace(certificate, problem=problems[name])
            self.certificates[workload.name, name, device] = certificate
            self.settings.listen(Event(kind="proven", certificate=certificate, news={"workload": workload.name}))

    def trace(self, workload: Workload, contender: Contender, device: str, precision: str) -> Trace | str:
        """The trace from the cache or from a worker; the error where there is none."""
        path = cache_folder() / "traces" / f"{_trace_key(workload, contender, device, precision)}.npz"
        cached = equivalence.read_trace(path)
        if cached is not None:
            return cached
        self.settings.listen(
            Event(kind="proving", news={"workload": workload.name, "contender": str(contender), "precision": precision})
        )
        job = _job(workload, contender, device, self.settings, kind="trace", threads=_cores())
        job |= {"precision": precision, "seed": workload.recipe.seed, "path": str(path)}
        try:
            result = self.launchers.run(contender, device, job, limit_s=self.settings.limit_s).result
        except LauncherError as error:
            return str(error)
        made = equivalence.read_trace(path)
        return made if made is not None else str(result["error"])


def _second(contenders: tuple[Contender, ...]) -> tuple[Contender, ...]:
    """An exact framework to compare with, for contenders of which fewer than two are exact."""
    exact = [item for item in frameworks.every_contender() if str(item) in equivalence.EXACT]
    others = [item for item in exact if item not in contenders and frameworks.is_installed(item)]
    chosen = sum(item in contenders for item in exact)
    return tuple(others[: max(0, 2 - chosen)] if len(contenders) > chosen or chosen < 2 else ())  # noqa: PLR2004 (a pair)


def _trace_key(workload: Workload, contender: Contender, device: str, precision: str) -> str:
    what = [
        workload.digest,
        source_digest(workload, contender.framework),
        str(contender),
        frameworks.versions(contender),
        device.partition(":")[0],
        precision,
        equivalence.STEPS,
        equivalence.LOSS_STEPS,
    ]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]


def _forked(case: Case, launchers: _Launchers, settings: Settings) -> tuple[Ending, float, str]:
    contender = Contender(case.framework, case.backend)
    started, begun = datetime.now(tz=UTC).isoformat(timespec="seconds"), time.monotonic()
    job = _case_job(case, settings)

    def listen(message: Message) -> None:
        settings.listen(Event(kind="progress", case=case, news=message))

    try:
        ending = launchers.run(contender, case.device, job, limit_s=settings.limit_s, listen=listen)
    except LauncherError as error:
        ending = Ending(result={"outcome": "failed", "error": str(error)}, startup_s=None)
    return ending, time.monotonic() - begun, started


def _spawned(case: Case, settings: Settings) -> tuple[Ending, float, str]:
    started, begun = datetime.now(tz=UTC).isoformat(timespec="seconds"), time.monotonic()
    launcher = _Launchers(settings.logs).launch(Contender(case.framework, case.backend), case.device, spawned=True)
    settings.listen(Event(kind="started", case=case))
    try:
        ending = launcher.run(_case_job(case, settings), limit_s=settings.limit_s)
    except LauncherError as error:
        ending = Ending(result={"outcome": "failed", "error": str(error)}, startup_s=None)
    finally:
        launcher.close()
    return ending, time.monotonic() - begun, started


def _store(  # noqa: PLR0913 (what a record is made of)
    case: Case, ending: Ending, duration_s: float, started: str, proofs: _Proofs, settings: Settings, *, order: int
) -> Record:
    result = ending.result
    contender, workload = Contender(case.framework, case.backend), settings.workloads[case.workload]
    versions = frameworks.versions(contender) | result.get("versions", {})
    record = Record(
        schema_version=SCHEMA_VERSION,
        run=settings.run,
        case=case,
        outcome=result["outcome"],
        error=result["error"],
        started=started,
        duration_s=duration_s,
        startup_s=ending.startup_s,
        order=order,
        start_method="spawn" if case.purpose == "memory" else "fork",
        settings=result.get("settings", {}),
        measurement=_measurement(result),
        certificate=proofs.certificates.get((case.workload, str(contender), case.device)),
        environment=environment(versions, machine=settings.machine),
        workload_digest=workload.digest,
        source_digest=source_digest(workload, case.framework),
        loadavg=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )
    settings.append(record)
    settings.listen(Event(kind="finished", case=case, record=record))
    return record


def _measurement(result: Message) -> Measurement:
    try:
        return TypeAdapter(Measurement).validate_python(result.get("measurement", {}))
    except ValidationError as error:
        raise LauncherError(f"a worker's result is not a measurement: {error}") from None


def _case_job(case: Case, settings: Settings) -> dict[str, Any]:
    contender = Contender(case.framework, case.backend)
    job = _job(
        settings.workloads[case.workload], contender, case.device, settings, kind="measure", threads=case.threads
    )
    return job | {"case": TypeAdapter(Case).dump_python(case), "block_seconds": settings.block_seconds}


def _job(  # noqa: PLR0913 (what every job needs)
    workload: Workload, contender: Contender, device: str, settings: Settings, *, kind: str, threads: int
) -> dict[str, Any]:
    return {
        "kind": kind,
        "framework": contender.framework,
        "device": device,
        "threads": threads,
        "workload": workload.content,
        "source": workload.source,
        "log": str(settings.logs / f"{workload.name}-{contender}.log".replace("/", "-")),
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
