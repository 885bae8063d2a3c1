"""Certificates by themselves, as `levelfield verify` shows them: for people, and as JSON for machines."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from bench.records.record import Certificate, to_json
from bench.report import formatting
from bench.report.layout import Entry, Table, left

Certificates = Mapping[tuple[str, str], Certificate]


def hold(found: Certificates) -> bool:
    """Whether everything that can be done is proven."""
    return all(item.passed for item in found.values() if item.available)


def table(found: Certificates) -> Table:
    """One line for each workload and contender, with its largest deviation in each check."""
    checks = tuple(dict.fromkeys(item.check for certificate in found.values() for item in certificate.deviations))
    rows = tuple(
        (
            Entry(workload),
            Entry(contender),
            Entry("passed" if certificate.passed else "FAILED" if certificate.available else "unavailable"),
            *(_largest(certificate, check) for check in checks),
        )
        for (workload, contender), certificate in found.items()
    )
    notes = _notes(found)
    problems = [f"{' '.join(key)}: {item.problem}" for key, item in found.items() if item.problem]
    columns = left("workload", "framework", "certificate", *checks)
    return Table(title="Largest relative deviations", columns=columns, rows=rows, notes=(*notes, *problems))


def as_json(found: Certificates) -> dict[str, Any]:
    """Everything that the certificates hold, and whether all passed; a deviation that is not finite is null."""
    return {
        "passed": hold(found),
        "certificates": [
            {"workload": workload, "passed": item.passed, **to_json(item), "deviations": _deviations(item)}
            for (workload, _), item in found.items()
        ],
    }


def _notes(found: Certificates) -> list[str]:
    """Each note once, after the names of the workloads that it is about where it is not about all of them."""
    about: dict[str, dict[str, None]] = {}
    for (workload, _), certificate in found.items():
        for note in certificate.notes:
            about.setdefault(note, {})[workload] = None
    everything = {workload for workload, _ in found}
    return [
        note if set(workloads) == everything else f"{', '.join(workloads)}: {note}" for note, workloads in about.items()
    ]


def _deviations(certificate: Certificate) -> list[dict[str, Any]]:
    """JSON knows neither NaN nor infinity, and most readers of it refuse them."""
    return [
        {**to_json(item), "found": item.found if math.isfinite(item.found) else None, "holds": item.holds}
        for item in certificate.deviations
    ]


def _largest(certificate: Certificate, check: str) -> Entry:
    items: Iterable[Any] = [item for item in certificate.deviations if item.check == check]
    # What is no number is worse than any number, and must not hide behind one.
    worst = max(items, key=lambda item: (math.isnan(item.found), item.found / item.allowed), default=None)
    if worst is None:
        return Entry("none")
    mark = "" if worst.holds else f" > {worst.allowed:.0e}"
    return Entry(formatting.deviation(worst.found) + mark, worst.found)
