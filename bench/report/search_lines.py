"""What a search for options tries and what it chose, each in one line."""

from collections.abc import Mapping
from typing import Any

from bench.analysis.successive_halving import USUAL, WORTH, gain
from bench.records.record import Case, SearchResult
from bench.report import formatting
from bench.report.case_lines import whose


def trying(case: Case, news: Mapping[str, Any]) -> str:
    """Which candidates of a search are timed now, and at which batch sizes."""
    sizes = ", ".join(map(str, case.batch_sizes))
    first, last = news["first"], news["first"] + len(news["options"]) - 1
    which = f"candidate {first}" if first == last else f"candidates {first} to {last}"
    where = f"{which} of {news['candidates']}, round {news['round']} of {news['rounds']}"
    return f"{whose(case)}, batch {sizes}: {where}: {'; '.join(map(words, news['options']))}"


def chosen(found: SearchResult) -> str:
    """The options that a search chose, or why it chose none."""
    tried = len(found.candidates)
    if found.options and gain(found) is None:
        return f"{words(found.options)} (the {USUAL} could not be timed, {tried} tried)"
    if found.options:
        return f"{words(found.options)} ({formatting.ratio(gain(found))} as fast as the {USUAL}, {tried} tried)"
    if gain(found) is None:
        return f"none, {found.candidates[0].outcome}: {found.candidates[0].error}"
    return f"{USUAL} (none of the {tried} candidates is proven equal and {WORTH:.0%} faster)"


def words(options: Mapping[str, str]) -> str:
    """Options in words; the default where there are none."""
    return ", ".join(f"{name} {value}" for name, value in options.items()) or USUAL
