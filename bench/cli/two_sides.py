"""What one of two sides of a comparison does: calls that are slowed down on purpose, and turns with the other side."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.plan.request import Request
    from bench.records.record import Case
    from bench.records.store import RunFolder


def planter(store: "RunFolder", request: "Request") -> "Callable[[Case], float]":
    """By which share the calls of a case are made longer: one case of the plan, on one of two sides.

    Which one follows from the run's name, or from that of the session in which two runs have turns, so that nobody
    chooses it. Sides are two runs, or halves of one. A case seems faster where the other side is slower.
    """
    from zlib import crc32

    from bench.analysis.self_check import is_baseline

    share = request.injected
    if not share:
        return lambda _: 0.0
    session = store.name if request.turns is None else Path(request.turns["folder"]).name

    def is_first(case: "Case") -> bool:
        return is_baseline(case.replicate) if request.turns is None else request.turns["side"] == "base"

    timed = list(dict.fromkeys(case.subject for case in store.load_plan().cases if case.purpose == "timing"))
    chosen = timed[crc32(session.encode()) % len(timed)]
    slower = share if share > 0 else -share / (1 + share)
    return lambda case: slower if case.subject == chosen and is_first(case) == (share < 0) else 0.0


def partner(planned: Sequence["Case"], request: "Request") -> "Callable[[Case], Mapping[str, str] | None]":
    """Where the other run is met, in the cases that it has too."""
    place = request.turns
    if place is None:
        return lambda _: None
    from bench.run import plan_exchange

    shared = plan_exchange.shared(planned, folder=Path(place["folder"]), side=place["side"])
    return lambda case: place if case in shared else None
