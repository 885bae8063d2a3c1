"""Whether two runs may be compared: same machine, same workload, and certificates if the code has changed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.records.cell import Cell, cells
from bench.records.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """The reasons why runs, workloads or cells are not comparable; empty if they are."""

    machines: str = ""
    workloads: dict[str, str]
    cells: dict[Cell, str]

    @property
    def reasons(self) -> tuple[str, ...]:
        """All reasons, one sentence each, without repeats."""
        found = [self.machines, *self.workloads.values(), *self.cells.values()]
        return tuple(dict.fromkeys(reason for reason in found if reason))

    def excludes(self, cell: Cell) -> bool:
        """Whether the cell must not be compared."""
        return bool(self.machines) or cell.workload in self.workloads or cell in self.cells


def differences(baseline: Sequence[Record], candidate: Sequence[Record]) -> Differences:
    """What prevents a comparison: the machine, a workload's digest, a cell's certificate."""
    before, after = _timed(baseline), _timed(candidate)
    common = before.keys() & after.keys()
    return Differences(
        machines=_machines(baseline, candidate),
        workloads=_workloads(baseline, candidate),
        cells={cell: reason for cell in sorted(common) if (reason := _unproven(cell, before[cell], after[cell]))},
    )


def newly_failed(baseline: Iterable[Record], candidate: Iterable[Record]) -> tuple[str, ...]:
    """The cases that ended well in the baseline but not in the candidate, each with its outcome."""
    well = {record.case.subject for record in baseline if record.outcome == "ok"}
    failed = {
        record.case.subject: f"{record.case.workload} {record.case.contender} {record.case.scenario} on "
        f"{record.case.device} ({record.case.purpose}): {record.outcome}"
        for record in candidate
        if record.outcome != "ok"
    }
    return tuple(line for subject, line in failed.items() if subject in well)


def _machines(baseline: Iterable[Record], candidate: Iterable[Record]) -> str:
    before, after = ({record.environment.machine for record in side} for side in (baseline, candidate))
    if len(before | after) <= 1:
        return ""
    return (
        f"machine: baseline {', '.join(sorted(before))}, candidate {', '.join(sorted(after))}; "
        "two runs are compared only if both come from the same machine (--machine NAME declares equal machines as one)"
    )


def _workloads(baseline: Iterable[Record], candidate: Iterable[Record]) -> dict[str, str]:
    before, after = _digests(baseline), _digests(candidate)
    return {
        name: f"workload {name}: digest {', '.join(sorted(before[name]))} in the baseline, "
        f"{', '.join(sorted(after[name]))} in the candidate; the workload has changed, so measure the baseline again"
        for name in sorted(before.keys() & after.keys())
        if len(before[name] | after[name]) > 1
    }


def _digests(records: Iterable[Record]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for record in records:
        found.setdefault(record.case.workload, set()).add(record.workload_digest)
    return found


def _timed(records: Iterable[Record]) -> dict[Cell, list[Record]]:
    found: dict[Cell, list[Record]] = {}
    for record in records:
        if record.outcome == "ok" and record.case.purpose == "timing":
            for cell in cells(record.case):
                found.setdefault(cell, []).append(record)
    return found


def _unproven(cell: Cell, baseline: Sequence[Record], candidate: Sequence[Record]) -> str:
    """The reason if code or versions differ and one side is not proven equal; empty for the same code and versions."""
    if len({how(record) for record in (*baseline, *candidate)}) == 1:
        return ""
    for side, records in (("baseline", baseline), ("candidate", candidate)):
        if not all(record.certificate and record.certificate.passed for record in records):
            return (
                f"{cell.workload} {cell.contender}: sources or versions differ, and the {side} is not proven equal; "
                "run `levelfield verify`, then measure again"
            )
    return ""


def how(record: Record) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The code behind a record: the digest of its sources, and all versions."""
    return record.source_digest, tuple(sorted(record.environment.versions.items()))
