"""Whether two runs may be compared: same machine, same workload, and certificates if the code has changed."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from operator import itemgetter

from bench.records.cell import Cell, cells
from bench.records.record import Case, Record
from bench.workload.axes import Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """The reasons why runs, workloads or cells are not comparable; empty if they are."""

    machines: str = ""
    names: str = ""
    workloads: dict[str, str]
    cells: dict[Cell, str]

    @property
    def reasons(self) -> tuple[str, ...]:
        """All reasons, one sentence each, without repeats."""
        found = [self.machines, self.names, *self.workloads.values(), *self.cells.values()]
        return tuple(dict.fromkeys(reason for reason in found if reason))

    def excludes(self, cell: Cell) -> bool:
        """Whether the cell must not be compared."""
        return bool(self.machines) or cell.workload in self.workloads or cell in self.cells


def differences(baseline: Sequence[Record], candidate: Sequence[Record]) -> Differences:
    """What prevents a comparison: the machine, a workload's digest, a cell's certificate.

    If each side has records of several machines, each workload is compared on its own one.
    """
    before, after = _timed(baseline), _timed(candidate)
    common = before.keys() & after.keys()
    apart = _elsewhere(baseline, candidate)
    is_alike = any(not reason for reason in apart.values())
    elsewhere = {name: reason for name, reason in apart.items() if reason} if is_alike else {}
    return Differences(
        machines="" if is_alike else _machines(baseline, candidate),
        names=_names(baseline, candidate),
        workloads=_workloads(baseline, candidate) | elsewhere,
        cells={cell: reason for cell in sorted(common) if (reason := _unproven(cell, before[cell], after[cell]))},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Cases of the candidate that did not end well, but did in the baseline, with their outcomes, each once.

    `where` names them: workload, framework, scenario, device and purpose.
    """

    where: str
    outcomes: tuple[str, ...]
    purpose: Purpose
    cells: tuple[Cell, ...]

    def __str__(self) -> str:
        """The failure in one line."""
        return f"{self.where}: {', '.join(self.outcomes)}"


def newly_failed(baseline: Iterable[Record], candidate: Iterable[Record]) -> tuple[Failure, ...]:
    """The cases that ended well in the baseline but not in the candidate, each with its outcomes.

    A case that failed in the baseline too is not new. Its processes, and all its batch sizes, are one case.
    """
    well, before = set[tuple[Purpose, Cell]](), set[tuple[Purpose, Cell, int]]()
    for record in baseline:
        for cell in cells(record.case):
            if record.outcome == "ok":
                well.add((record.case.purpose, cell))
            else:
                before.add((record.case.purpose, cell, record.case.seed))
    failed: dict[Case, dict[str, None]] = {}
    for record in candidate:
        new = [
            cell
            for cell in cells(record.case)
            if (record.case.purpose, cell) in well and (record.case.purpose, cell, record.case.seed) not in before
        ]
        if record.outcome != "ok" and new:
            failed.setdefault(record.case.subject, {})[record.outcome] = None
    names = _case_names(failed)
    return tuple(
        Failure(where=names[case], outcomes=tuple(outcomes), purpose=case.purpose, cells=cells(case))
        for case, outcomes in failed.items()
    )


def _case_names(among: Iterable[Case]) -> dict[Case, str]:
    """A name for each case. Batch sizes, threads and seeds are named only if two cases would have the same name."""
    short = {case: _case_name(case) for case in among}
    twice = {name for name, number in Counter(short.values()).items() if number > 1}
    return {
        case: f"{name}, batch {'/'.join(map(str, case.batch_sizes))}, {case.threads} threads, seed {case.seed}"
        if name in twice
        else name
        for case, name in short.items()
    }


def _case_name(case: Case) -> str:
    unusual = "".join(f", {word}" for word in cells(case)[0].unusual) if case.batch_sizes else ""
    scenario = case.serving.load if case.serving else case.scenario
    return f"{case.workload} {case.contender} {scenario} on {case.device}{unusual} ({case.purpose})"


def nothing_in_common(baseline: Iterable[Record], candidate: Iterable[Record]) -> tuple[str, ...]:
    """What tells all cases of the two sides apart: a line for each property, with its values on both sides."""
    sides = [
        [(record.case.purpose, cell) for record in side for cell in cells(record.case)]
        for side in (baseline, candidate)
    ]
    read: dict[str, Callable[[tuple[Purpose, Cell]], object]] = {"purpose": itemgetter(0)}
    for field in fields(Cell):
        read["framework" if field.name == "contender" else field.name.replace("_", " ")] = _reader(field.name)
    found = []
    for name, value in read.items():
        before, after = ({value(item) for item in side} for side in sides)
        if before and after and not before & after:
            found.append(f"{name}: {_listed(before)} in the baseline, {_listed(after)} in the candidate")
    return tuple(found)


def _reader(name: str) -> Callable[[tuple[Purpose, Cell]], object]:
    return lambda item: getattr(item[1], name)


def _listed(values: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, values)))


def _names(baseline: Iterable[Record], candidate: Iterable[Record]) -> str:
    """The reason if no workload is on both sides; empty if one is, or if a side has none."""
    before, after = _digests(baseline).keys(), _digests(candidate).keys()
    if not before or not after or before & after:
        return ""
    return (
        f"workloads: {_listed(before)} in the baseline, {_listed(after)} in the candidate; "
        "two runs are compared by the workloads that both have, so measure the same ones"
    )


def _machines(baseline: Iterable[Record], candidate: Iterable[Record]) -> str:
    before, after = ({record.environment.machine for record in side} for side in (baseline, candidate))
    if len(before | after) <= 1:
        return ""
    return (
        f"machine: baseline {', '.join(sorted(before))}, candidate {', '.join(sorted(after))}; "
        "two runs are compared only if both come from the same machine (--machine NAME declares equal machines as one)"
    )


def _elsewhere(baseline: Sequence[Record], candidate: Sequence[Record]) -> dict[str, str]:
    """The workloads of both sides, each with the reason if it was not measured on one machine; empty if it was."""
    before, after = _machines_of(baseline), _machines_of(candidate)
    return {
        name: f"workload {name}: measured on {_listed(before[name])} in the baseline, on {_listed(after[name])} in the "
        "candidate; measure both on the same machine"
        if len(before[name] | after[name]) > 1
        else ""
        for name in sorted(before.keys() & after.keys())
    }


def _machines_of(records: Iterable[Record]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for record in records:
        found.setdefault(record.case.workload, set()).add(record.environment.machine)
    return found


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
        if record.outcome == "ok" and record.case.purpose in {"timing", "serving"}:
            for cell in cells(record.case):
                found.setdefault(cell, []).append(record)
    return found


def _unproven(cell: Cell, baseline: Sequence[Record], candidate: Sequence[Record]) -> str:
    """The reason if code, versions or shell differ and one side is not proven equal; empty if all are the same."""
    both = (*baseline, *candidate)
    if len({how(record) for record in both}) == 1 and len(_shells(both)) <= 1:
        return ""
    for side, records in (("baseline", baseline), ("candidate", candidate)):
        if not all(record.certificate and record.certificate.passed for record in records):
            return (
                f"{cell.workload} {cell.contender}: {_what(both)} differ, and the {side} is not proven equal; "
                "run `levelfield verify`, then measure again"
            )
    return ""


def _what(records: Sequence[Record]) -> str:
    return "sources or versions" if len(_shells(records)) <= 1 else "sources, versions or variables of the shell"


def _shells(records: Iterable[Record]) -> set[tuple[tuple[str, str], ...]]:
    """The different variables of the shell, of the records that know theirs."""
    known = (record.environment.variables for record in records)
    return {tuple(sorted(variables.items())) for variables in known if variables is not None}


def how(record: Record) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The code behind a record: the digest of its sources, and all versions."""
    return record.source_digest, tuple(sorted(record.environment.versions.items()))
