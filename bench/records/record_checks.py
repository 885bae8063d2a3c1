"""Checks of a record that its types cannot make: values that nobody can have measured, and parts that contradict."""

import math
from collections.abc import Callable, Mapping

from bench.records import value_checks
from bench.records.measurement import Learning
from bench.records.record import Record


def misfit(record: Record) -> str | None:
    """What no run can have stored, with its key; None for a record that a report can show."""
    between = (f"{key}: {words}" for key, (holds, words) in CHECKS.items() if not holds(record))
    return value_checks.problem(record) or next(between, None)


def _has_named_classes(found: Learning) -> bool:
    """Whether every class that an evaluation mentions is one of the labels; without labels classes are numbers."""
    if found.judgement is None or not found.labels:
        return True
    number = len(found.labels)
    errors = (*found.judgement.first, *found.judgement.worst)
    mentioned = [value for error in errors for value in (error.truth, error.predicted)]
    sizes = {len(found.judgement.confusion or ()), len(found.judgement.by_class)} - {0}
    return sizes <= {number} and all(math.isfinite(value) and 0 <= value < number for value in mentioned)


def _learning(holds: Callable[[Learning], bool]) -> Callable[[Record], bool]:
    """A check of what was learnt, for cases that ended well: a network that diverges may have no epoch."""

    def check(record: Record) -> bool:
        found = record.measurement.learning
        return record.outcome != "ok" or found is None or holds(found)

    return check


def _is_square(found: Learning) -> bool:
    matrix = (found.judgement.confusion if found.judgement else None) or ()
    return all(len(row) == len(matrix) for row in matrix)


CHECKS: Mapping[str, tuple[Callable[[Record], bool], str]] = {
    "measurement.learning.epochs": (
        _learning(lambda found: bool(found.epochs)),
        "found no epoch, expected at least one",
    ),
    "measurement.learning.judgement.confusion": (_learning(_is_square), "found rows of several lengths, expected one"),
    "measurement.learning.labels": (_learning(_has_named_classes), "found other classes than those of the evaluation"),
}
