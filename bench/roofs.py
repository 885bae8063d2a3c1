"""What the devices of a run can do at all, before anything is timed on them."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.fleet import Fleet
from bench.frameworks import Contender
from bench.jobs import Settings, contender, job
from bench.record import Case, Precision, Rate, Roof

LIMIT_S = 120.0

Roofs = Mapping[tuple[str, Precision], Roof]


def measure(cases: Sequence[Case], fleet: Fleet, settings: Settings) -> Roofs:
    """The best over all contenders, for each device and precision in which something is timed."""
    found: dict[tuple[str, Precision], dict[Contender, Mapping[str, Any]]] = {}
    for case in cases:
        asked = found.setdefault((case.device, case.precision), {}) if case.purpose == "timing" else None
        if asked is not None and contender(case) not in asked:
            asked[contender(case)] = _asked(case, fleet, settings)
    return {place: _best(asked) for place, asked in found.items()}


def _asked(case: Case, fleet: Fleet, settings: Settings) -> Mapping[str, Any]:
    """What the contender of a case reaches on its device, in its precision, with its threads."""
    return fleet.run(contender(case), case.device, job(case, settings) | {"kind": "roof"}, limit_s=LIMIT_S).result


def _best(asked: Mapping[Contender, Mapping[str, Any]]) -> Roof:
    """Of those that could say."""
    well = {str(who): result for who, result in asked.items() if result["outcome"] == "ok"}
    flops, streams = (
        [
            Rate(per_second=rate, size=int(size), by=who)
            for who, result in well.items()
            for size, rate in result[kind].items()
        ]
        for kind in ("flops", "bytes")
    )
    sizes = sorted({item.size for item in streams})
    fastest = (max((item for item in streams if item.size == size), key=_rate) for size in sizes)
    return Roof(flops=max(flops, key=_rate, default=None), bytes=tuple(fastest))


def _rate(item: Rate) -> float:
    return item.per_second
