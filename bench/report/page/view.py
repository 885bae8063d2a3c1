"""The state in which a page opens, as its address has it: `workload=digits-cnn&base=framework:flax`."""

from urllib.parse import parse_qsl, unquote

from bench.errors import UsageError, unknown
from bench.report.figures import SCENARIOS, lane_names
from bench.report.results import Arranged, lanes, workloads

FILTERS = ("run", "device", "workload", "framework", "mode", "precision", "scenario")
OTHERS = ("base", "sort", "cells", "theme", "open", "quiet", "steps", "batch", "limit")
THEMES, QUIET = ("light", "dark"), ("fold", "show")
NUMBERS = ("steps", "batch", "limit")


def checked(view: str, arranged: Arranged) -> str:
    """The view without its leading `#`, if a page on these results has everything that it names.

    Raises UsageError with all mistakes at once.
    """
    text = view.removeprefix("#")
    words = parse_qsl(text, keep_blank_values=True)
    mistakes = [f"found {part!r}, expected NAME=VALUE" for part in text.split("&") if part and "=" not in part]
    mistakes += [mistake for name, value in words if (mistake := _mistake(name, value, arranged))]
    if mistakes:
        raise UsageError("\n".join(f"--view: {mistake}" for mistake in mistakes))
    return text


def _mistake(name: str, value: str, arranged: Arranged) -> str:
    """What is wrong with one part of a view; empty if nothing is."""
    if name in FILTERS:
        known = list(SCENARIOS) if name == "scenario" else sorted(_known(name, arranged))
        strange = [item for item in map(unquote, value.split(",")) if item not in known]
        return f"{name}: {unknown(strange, known)}" if strange else ""
    if name not in OTHERS:
        return unknown([name], [*FILTERS, *OTHERS])
    if name in NUMBERS and not _is_number(value):
        return f"{name}: found {value!r}, expected a number"
    known_words = {"theme": THEMES, "quiet": QUIET}.get(name)
    return f"{name}: {unknown([value], known_words)}" if known_words and value not in known_words else ""


def _known(name: str, arranged: Arranged) -> set[str]:
    """What a filter of a page on these results can be set to."""
    if name == "run":
        return {*arranged}
    return {
        lane_names(results, workload, row)[name]
        for results in arranged.values()
        for workload in workloads(results)
        for row in lanes(results, workload)
    }


def _is_number(text: str) -> bool:
    try:
        return 0 <= float(text) < float("inf")
    except ValueError:
        return False
