"""Runs the cases and writes their records: proofs and memory first, two at a time, then one timed case at a time.

Each case runs in a fresh process. The search for the largest batch is one case with several processes.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from tempfile import TemporaryDirectory
from typing import Any, final

from pydantic import TypeAdapter

from bench.analysis import largest_batch
from bench.analysis.remaining_time import Work
from bench.records.cell import Cell
from bench.records.environment import environment, free_memory_bytes
from bench.records.measurement import Capacity, Measurement, Trial
from bench.records.record import SCHEMA_VERSION, Case, Record, SearchResult, to_json
from bench.run import certificates, option_search, peak_rates
from bench.run.certificates import Certificates
from bench.run.option_search import tuned_cells
from bench.run.peak_rates import Roofs
from bench.run.proofs import source_digest
from bench.run.settings import ENDING, Event, RunSettings, contender, job, shown, untimed
from bench.run.worker_client import Ending
from bench.run.worker_pool import WorkerPool
from bench.workload import frameworks

ATTEMPTS = 3
ASSUMED_START_S = 2.0  # for each framework, all side by side
COOL_DOWN_S = 20.0
FILLED = 0.8  # the share of free memory that a batch may fill by default; the rest is for other processes


def run(cases: Sequence[Case], settings: RunSettings) -> list[Record]:
    """Measure the cases and store a record for each; after an interrupt, end every process and raise it again."""
    fleet = WorkerPool(settings.logs)
    try:
        _plan(cases, settings)
        fleet.start((contender(case), case.device) for case in cases)
        memory = [case for case in cases if case.purpose == "memory"]
        with untimed() as pool:
            proofs = certificates.prover(fleet, pool, settings.listen)
            place = _Place(fleet=fleet, settings=settings, tunings=option_search.tune(cases, fleet, proofs, settings))
            begun = certificates.begin(proofs, cases, place.options, settings)
            weighed = [pool.submit(_measure, case, place) for case in memory]
            writer = _Writer(place, certificates.collect(proofs, begun, settings))
            records = [writer.write(case, found.result()) for case, found in zip(memory, weighed, strict=True)]
        with shown(_start(cases, 0), settings.listen):
            fleet.wait()
        writer.roofs = peak_rates.measure(cases, fleet, settings)
        timed = [case for case in cases if case.purpose != "memory"]
        replicate = 0
        for case in timed:
            if case.replicate > replicate or (case.serving is not None and case.replicate != replicate):
                with shown(_start(cases, case.replicate), settings.listen):
                    fleet.renew(hash_seed=case.replicate)
                replicate = case.replicate
            records.append(_attempt(case, place, writer))
        return records
    finally:
        settings.listen(ENDING)
        fleet.close()


def _plan(cases: Sequence[Case], settings: RunSettings) -> None:
    """Tell which work there is beside the cases, as far as it is known before anything has begun."""
    replicates = sorted({case.replicate for case in cases if case.purpose != "memory"} | {0})
    for work in (*(_start(cases, number) for number in replicates), *peak_rates.planned(cases)):
        settings.listen(Event(kind="planned", work=work))
    settings.listen(Event(kind="waiting", news={"for": f"{', '.join(_names(cases))} to start"}))


def _start(cases: Sequence[Case], replicate: int) -> Work:
    """The start of all frameworks, once for each replicate."""
    again = f" again, for timing {replicate + 1}" if replicate else ""
    names = _names(cases)
    return Work(
        name=f"starting {', '.join(names)}{again}",
        purpose="start" if replicate else "first start",
        framework="",
        estimate_s=ASSUMED_START_S * len(names),
    )


def _names(cases: Sequence[Case]) -> list[str]:
    return list(dict.fromkeys(case.contender for case in cases))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """How one case went: its ending, when it began, how long it took and how busy the machine was."""

    ending: Ending
    started: str
    duration_s: float
    loadavg: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where cases are measured, and with which options."""

    fleet: WorkerPool
    settings: RunSettings
    tunings: Mapping[Cell, SearchResult]

    def tuned(self, case: Case) -> tuple[SearchResult, ...]:
        """The search results for a case in mode `tuned`, one for each batch size; none in mode `idiomatic`."""
        return tuple(self.tunings[cell] for cell in tuned_cells(case))

    def options(self, case: Case) -> list[dict[str, str]]:
        """The different options that a case uses."""
        found = [item.options for item in self.tuned(case)]
        return [options for number, options in enumerate(found) if options not in found[:number]] or [{}]

    def job(self, case: Case) -> dict[str, Any]:
        """The job that is sent to the process of this case."""
        return job(case, self.settings) | {"tunings": {item.batch_size: item.options for item in self.tuned(case)}}


def _attempt(case: Case, place: _Place, writer: "_Writer") -> Record:
    """The record of the last attempt: if the machine was throttled, wait until it is cool and measure again.

    Every attempt is stored. A case that is interleaved with another run has one attempt: the other run has moved on.
    """
    record = writer.write(case, _measure(case, place))
    while record.attempt < ATTEMPTS and _overheated(record) and place.settings.turns(case) is None:
        with shown(_cool_down(case), place.settings.listen):
            time.sleep(COOL_DOWN_S)
        record = writer.write(case, _measure(case, place), attempt=record.attempt + 1)
    return record


def _cool_down(case: Case) -> Work:
    name = f"waiting {COOL_DOWN_S:g} s: the processor was throttled in {case.contender} {case.turn}, and cools down"
    return Work(name=name, purpose="cool-down", framework="", estimate_s=COOL_DOWN_S)


def _overheated(record: Record) -> bool:
    return any(block.use is not None and block.use.overheated for block in record.measurement.blocks)


def _measure(case: Case, place: _Place) -> _Run:
    """Measure one case in a fresh process."""
    place.settings.listen(Event(kind="started", case=case))
    started, begun = datetime.now(tz=UTC).isoformat(timespec="seconds"), time.monotonic()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    ending = _search(case, place) if case.purpose == "capacity" else _anew(case, place)
    place.settings.listen(Event(kind="measured", case=case))
    return _Run(ending=ending, started=started, duration_s=time.monotonic() - begun, loadavg=load)


def _anew(case: Case, place: _Place) -> Ending:
    """Measure one case with an empty compilation cache; else its first call would depend on earlier runs."""
    fleet, settings = place.fleet, place.settings
    # The parent makes this folder, and removes it also where it has killed the process.
    with TemporaryDirectory(prefix="levelfield-", ignore_cleanup_errors=True) as empty:
        asked = place.job(case) | {"compiled": empty}
        if case.purpose == "memory":
            return fleet.run_weighed(contender(case), case.device, asked, limit_s=settings.limit_s)
        return fleet.run(
            contender(case),
            case.device,
            asked,
            limit_s=settings.limit_s,
            listen=lambda news: settings.listen(Event(kind="progress", case=case, news=news)),
        )


def _search(case: Case, place: _Place) -> Ending:
    """Search for the largest batch that fits, each size in a fresh process; `ok` if at least one sample fits."""
    limit, settings = None, place.settings
    if case.device == "cpu":
        limit = settings.memory_bytes or int(FILLED * free_memory_bytes())
    trials: list[Trial] = []
    endings: list[Ending] = []

    def fits(size: int) -> bool:
        tried = job(replace(case, batch_sizes=(size,)), settings) | {"memory_limit_bytes": limit}
        endings.append(place.fleet.run(contender(case), case.device, tried, limit_s=settings.limit_s))
        trials.append(_trial(size, endings[-1].result))
        settings.listen(Event(kind="progress", case=case, news={"batch_size": size, "outcome": trials[-1].outcome}))
        return trials[-1].fits

    largest_batch.search(fits, limit=max(case.batch_sizes))
    found = Capacity(trials=tuple(trials), memory_limit_bytes=limit)
    # If nothing fits, the last size tried is one sample, and its outcome is the outcome of the case.
    shown = endings[-1] if found.largest is None else endings[trials.index(found.largest)]
    return replace(shown, result=shown.result | {"measurement": to_json(Measurement(capacity=found))})


def _trial(size: int, result: Mapping[str, Any]) -> Trial:
    made = TypeAdapter(Measurement).validate_python(result.get("measurement", {}))
    if made.capacity is not None:
        return replace(made.capacity.trials[0], outcome=result["outcome"], error=result["error"])
    return Trial(batch_size=size, outcome=result["outcome"], error=result["error"])


@final
class _Writer:
    """Makes a record of each measurement, and stores the records in order."""

    def __init__(self, place: _Place, proven: Certificates) -> None:
        self.place, self.settings, self.proven = place, place.settings, proven
        self.roofs: Roofs = {}
        self.next_order = place.settings.next_order

    def write(self, case: Case, run: _Run, *, attempt: int = 1) -> Record:
        result = run.ending.result
        versions = frameworks.versions(contender(case)) | result.get("versions", {})
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
            order=self.next_order,
            start_method=run.ending.start_method,
            settings=result.get("settings", {}),
            measurement=TypeAdapter(Measurement).validate_python(result.get("measurement", {})),
            certificate=certificates.of(case, self.place.options(case), self.proven),
            environment=environment(versions, machine=self.settings.machine),
            workload_digest=workload.digest,
            source_digest=source_digest(workload, case.framework),
            loadavg=run.loadavg,
            attempt=attempt,
            tunings=self.place.tuned(case),
            roof=self.roofs.get((case.device, case.precision)) if case.purpose == "timing" else None,
        )
        self.settings.append(record)
        self.settings.listen(Event(kind="finished", case=case, record=record))
        self.next_order += 1
        return record
