"""Hands the events of a run or a search to the display."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.records.record import Case
    from bench.report.progress import Display
    from bench.run.settings import Event


def show_event(display: "Display", event: "Event") -> None:
    """Show one event."""
    if event.kind == "waiting":
        display.waiting(event.news["for"])
    elif event.certificate is not None:
        display.proven(event.news, event.certificate)
    elif event.record is not None:
        display.finished(event.record)
    elif event.case is not None:
        _show_case(display, event, event.case)
    elif event.work is not None:
        {"planned": display.planned, "begun": display.begun, "ended": display.ended}[event.kind](event.work)


def _show_case(display: "Display", event: "Event", case: "Case") -> None:
    if event.work is not None:
        display.tuning(event.work, case, event.news)
    elif event.tuning is not None:
        display.tuned(case, event.tuning)
    elif event.kind == "progress":
        display.moved(case, event.news)
    else:
        {"started": display.started, "measured": display.measured}[event.kind](case)
