"""Measures the peak rates of the devices of a run, before anything is timed on them."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.analysis import roofline
from bench.analysis.remaining_time import Work
from bench.records.record import Case, Rate, Roof
from bench.run.settings import RunSettings, contender, job, shown
from bench.run.worker_pool import WorkerPool
from bench.workload import places
from bench.workload.axes import Precision
from bench.workload.frameworks import Contender

LIMIT_S = 120.0
ASSUMED_S = 4.0

Roofs = Mapping[tuple[str, Precision], Roof]


def measure(cases: Sequence[Case], fleet: WorkerPool, settings: RunSettings) -> Roofs:
    """The measured peaks over all frameworks, for each device and precision in which something is timed.

    Memory bandwidth does not depend on the precision, so a device has one peak bandwidth for each size.
    """
    found: dict[tuple[str, Precision], dict[Contender, Mapping[str, Any]]] = {}
    for work, case in planned(cases).items():
        with shown(work, settings.listen):
            rates = _asked(case, fleet, settings)
        found.setdefault((case.device, case.precision), {})[contender(case)] = rates
    products: dict[tuple[str, Precision], list[Rate]] = {}
    streams: dict[str, list[Rate]] = {}
    for (device, precision), asked in found.items():
        products[device, precision] = _rates(asked, "flops")
        streams.setdefault(device, []).extend(_rates(asked, "bytes"))
    return {
        (device, precision): roofline.best(rates, streams[device]) for (device, precision), rates in products.items()
    }


def planned(cases: Sequence[Case]) -> dict[Work, Case]:
    """Each measurement that will be made, with a case of its framework, device and precision."""
    found: dict[Work, Case] = {}
    for case in cases:
        if case.purpose == "timing" and places.read(case.device).devices == 1:
            name = f"measuring the peak rates of {case.device} in {case.precision} with {case.contender}"
            work = Work(name=name, purpose="peak rates", framework=case.contender, estimate_s=ASSUMED_S)
            found.setdefault(work, case)
    return found


def _asked(case: Case, fleet: WorkerPool, settings: RunSettings) -> Mapping[str, Any]:
    """The peak rates that the framework of a case reaches on its device, in its precision, with its threads."""
    return fleet.run(contender(case), case.device, job(case, settings) | {"kind": "roof"}, limit_s=LIMIT_S).result


def _rates(asked: Mapping[Contender, Mapping[str, Any]], kind: str) -> list[Rate]:
    """The rates of one kind (`flops` or `bytes`) of all frameworks whose measurement ended well."""
    return [
        Rate(per_second=rate, size=int(size), by=str(who))
        for who, result in asked.items()
        if result["outcome"] == "ok"
        for size, rate in result[kind].items()
    ]
