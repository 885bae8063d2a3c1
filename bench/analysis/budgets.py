"""Checks the figures of runs against budgets."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

from bench.analysis.load_figures import METRICS as LOAD
from bench.analysis.long_table import MEMORY, Figure, figures
from bench.errors import PRECEDENCE, ExitCode, meant
from bench.records.budget import CHOSEN_BY, LIMITS, Allowed, Budget, name_of
from bench.records.cell import Cell, cells, names
from bench.records.record import Case, Record
from bench.records.timing_metrics import METRICS
from bench.workload.recipe import METRICS as QUALITY

Verdict = Literal["kept", "BROKEN", "not measured", "undecided"]
Planned = Mapping[str, Sequence[Case]]
NOT_STORED = "without a record"
NANOSECONDS_OF_MS = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One limit on one cell of one run, and the measured value in the unit of the key; None if there is no value.

    - `where`: the cell in words, with its run if there are several;
    - `run`: the run, or empty if no run has such a cell;
    - `reason`: why there is no value, or empty;
    - `doubt`: why the value cannot be relied on; empty if it can.
    """

    where: str
    key: str
    allowed: Allowed
    limit: float
    found: float | None
    verdict: Verdict
    run: str = ""
    reason: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """All checks, and the exit code: 3 if a limit is broken, else 6 if a limit has no measured value, else 0.

    - `skipped`: a line for each cell that a budget selects and that its framework cannot run;
    - `absent`: a line for each cell that was checked in one run, and that another run with its workload does not have.
    """

    checks: tuple[Check, ...]
    exit_code: int
    skipped: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


class _Key(NamedTuple):
    """A cell of one run."""

    run: str
    cell: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """One process of a run: its case, how it ended, and why it did not end well."""

    run: str
    case: Case
    outcome: str
    error: str | None = None


def check(
    budgets: Sequence[Budget], records: Sequence[Record], *, unmeasured: Planned = MappingProxyType({})
) -> Checks:
    """Every limit, checked for every cell that the budget selects, in every run that has or planned the cell.

    A cell counts as not measured if one of its processes did not end well, if it has no value for the limit, or if a
    process is among the `unmeasured` ones: planned cases without a record, by run. Cells that a framework cannot run at
    all are skipped.
    """
    known = {(_Key(figure.run, figure.cell), figure.metric): figure for figure in figures(records)}
    tried = [_Tried(run=item.run, case=item.case, outcome=item.outcome, error=item.error) for item in records]
    tried += [_Tried(run=run, case=case, outcome=NOT_STORED) for run, cases in unmeasured.items() for case in cases]
    able = [item for item in tried if item.outcome != "unavailable"]
    named = _names(tried)
    unknown = unknown_names(budgets, records, unmeasured=unmeasured)
    found = tuple(
        dict.fromkeys(
            check
            for budget, line in zip(budgets, unknown, strict=True)
            for check in _checks(budget, known, able, named=named, unknown=line)
        )
    )
    return Checks(
        checks=found,
        exit_code=exit_code(found),
        skipped=_skipped(budgets, tried, named),
        absent=_absent(budgets, tried),
    )


def exit_code(checks: Sequence[Check]) -> int:
    """3 if a limit is broken, else 6 if a limit has no measured value, else 4 if one is undecided, else 0."""
    verdicts = {item.verdict for item in checks}
    holds = {
        ExitCode.REGRESSED: "BROKEN" in verdicts,
        ExitCode.NOTHING_MEASURED: "not measured" in verdicts,
        ExitCode.INCONCLUSIVE: "undecided" in verdicts,
        ExitCode.DONE: True,
    }
    return next(code for code in PRECEDENCE if holds.get(code))


def unknown_names(
    budgets: Sequence[Budget], records: Sequence[Record], *, unmeasured: Planned = MappingProxyType({})
) -> tuple[str, ...]:
    """For each budget a line about all of its keys whose value no case has; empty if all values are known.

    The line has the number of the budget, and for each key what was found, similar values, and what there is.
    """
    cases = [*(record.case for record in records), *(case for found in unmeasured.values() for case in found)]
    known = {cell for case in cases for cell in cells(case)}
    return tuple(_unknown(number, budget, known) for number, budget in enumerate(budgets, start=1))


def _unknown(number: int, budget: Budget, known: Collection[Cell]) -> str:
    found = []
    for field, value in budget.chosen_by().items():
        there = sorted({getattr(cell, field) for cell in known})
        if value not in there:
            near = _near(value, there) if isinstance(value, str) else ""
            every = f", expected {'' if len(there) == 1 else 'one of '}{', '.join(map(str, there))}" if there else ""
            found.append(f"{CHOSEN_BY[field]}: found {value!r}, which no record has{near}{every}")
    return f"{name_of(number)}: {'; '.join(found)}" if found else ""


def _near(value: str, there: Sequence[str]) -> str:
    """The similar values; the frameworks with a backend for the name of Keras alone."""
    whole = [name for name in there if name.casefold().startswith(f"{value.casefold()}/")]
    return f" (did you mean {' or '.join(whole)}?)" if whole else meant(value, there)


def _names(tried: Sequence[_Tried]) -> dict[_Key, str]:
    """A name for each cell of each run, which names the run if there are several."""
    keys = [_Key(item.run, cell) for item in tried for cell in cells(item.case)]
    several = len({key.run for key in keys}) > 1
    places = names(key.cell for key in keys)
    limits = {_Key(item.run, cell): _limit(item.case) for item in tried for cell in cells(item.case)}
    return {
        key: f"{places[key.cell]}{limits[key]}{f' (run {key.run})' if several else ''}" for key in dict.fromkeys(keys)
    }


def _limit(case: Case) -> str:
    """The latency limit of a server in words: ` within 5 ms (p99)`; empty if it has none."""
    serving = case.serving
    if serving is None or serving.limit_ns is None:
        return ""
    return f" within {serving.limit_ns / NANOSECONDS_OF_MS:g} ms (p{serving.percentile:g})"


def _checks(
    budget: Budget,
    known: Mapping[tuple[_Key, str], Figure],
    able: Sequence[_Tried],
    *,
    named: Mapping[_Key, str],
    unknown: str,
) -> Iterator[Check]:
    for key, limit in budget.limits().items():
        metric, unit, allowed = LIMITS[key]
        selected = _selected(budget, metric, able)
        if not selected:
            where = " ".join(map(str, budget.chosen_by().values()))
            reason = unknown or _other_limit(budget, able) or _never(budget, key, PURPOSES.get(metric, "learning"))
            yield Check(
                where=where, key=key, allowed=allowed, limit=limit, found=None, verdict="not measured", reason=reason
            )
        for place, outcomes in selected.items():
            well = set(outcomes) == {"ok"}
            figure = known.get((place, metric)) if well else None
            value = None if figure is None else figure.value / unit
            other = _other_task(key, {name for cell, name in known if cell == place})
            verdict: Verdict = "not measured"
            if value is not None:
                verdict = "kept" if (value <= limit if allowed == "at most" else value >= limit) else "BROKEN"
            yield Check(
                where=named[place],
                key=key,
                allowed=allowed,
                limit=limit,
                found=value,
                verdict=verdict,
                run=place.run,
                reason="" if value is not None else other if well and other else _reason(metric, outcomes, well=well),
                doubt=figure.doubt if figure else "",
            )


def _never(budget: Budget, key: str, purpose: str) -> str:
    """Why a budget selects no case for a limit, though each of its values is known."""
    if purpose == "learning" and budget.scenario == "inference":
        return f"{key} belongs to no scenario: leave out `scenario`"
    return f"no such {purpose} case was run"


def _other_limit(budget: Budget, able: Sequence[_Tried]) -> str:
    """That the servers were measured with another latency limit than that of the budget; empty if they were not."""
    there = dict.fromkeys(filter(None, (_limit(item.case) for item in able if item.case.workload == budget.workload)))
    if budget.sla_ms is None or not there:
        return ""
    return f"sla_ms: found{' and'.join(there)}, expected {budget.sla_ms:g} ms; run again with --sla {budget.sla_ms:g}ms"


def _other_task(key: str, measured: Collection[str]) -> str:
    """That a quality metric belongs to another task than that of the measured metrics; empty if it does not."""
    quality = {name.removeprefix("test_") for name in measured if name.startswith("test_")}
    every = [name for metrics in QUALITY.values() for name in metrics]
    telling = {name for name in quality if every.count(name) == 1}  # both tasks have a loss
    tasks = [task for task, metrics in QUALITY.items() if telling & metrics.keys()]
    if len(tasks) != 1 or key in QUALITY[tasks[0]] or key not in every:
        return ""
    return f"{key} is no metric of a {tasks[0]}, which has {', '.join(QUALITY[tasks[0]])}"


def _reason(metric: str, outcomes: Sequence[str], *, well: bool) -> str:
    """Why a selected cell has no value for a metric."""
    if not well:
        ended = Counter(outcomes)
        words = [f"{number} of {len(outcomes)} {outcome}" for outcome, number in ended.items() if outcome != "ok"]
        return f"cases: {', '.join(words)}"
    if metric in METRICS and METRICS[metric].at_least > 1:
        return f"needs {METRICS[metric].at_least} calls in each process"
    if metric == "time_to_target_s":
        return "a seed did not reach the target, or the workload has none"
    return "the records have no such figure"


def _selected(budget: Budget, metric: str, able: Sequence[_Tried]) -> dict[_Key, list[str]]:
    """The cells that a budget selects in each run, with the outcomes of their processes."""
    found: dict[_Key, list[str]] = {}
    for item in able:
        if item.case.purpose == PURPOSES.get(metric, "learning") and _has(item.case, metric):
            for cell in _chosen(budget, item.case):
                found.setdefault(_Key(item.run, cell), []).append(item.outcome)
    return found


def _skipped(budgets: Sequence[Budget], tried: Sequence[_Tried], named: Mapping[_Key, str]) -> tuple[str, ...]:
    """A line for each cell that a budget selects and that its framework cannot run."""
    lines = (
        f"{named[_Key(item.run, cell)]}: {item.error or 'the framework cannot run it'}"
        for budget in budgets
        for item in tried
        if item.outcome == "unavailable"
        for cell in _chosen(budget, item.case)
    )
    return tuple(dict.fromkeys(lines))


def _absent(budgets: Sequence[Budget], tried: Sequence[_Tried]) -> tuple[str, ...]:
    """A line for each cell that one run has and another does not, though it has the workload and the purpose."""
    has: dict[tuple[str, str], dict[str, set[Cell]]] = {}
    for item in tried:
        for cell in cells(item.case):
            if any(cell in _chosen(budget, item.case) for budget in budgets):
                has.setdefault((cell.workload, item.case.purpose), {}).setdefault(item.run, set()).add(cell)
    places = names(cell for by_run in has.values() for found in by_run.values() for cell in found)
    return tuple(
        f"{places[cell]} ({purpose}): not in run {run}"
        for (_, purpose), by_run in has.items()
        for run, found in by_run.items()
        for cell in sorted(set[Cell]().union(*by_run.values()) - found)
    )


def _chosen(budget: Budget, case: Case) -> Iterator[Cell]:
    if budget.sla_ms is not None and (
        case.serving is None or case.serving.limit_ns != round(budget.sla_ms * NANOSECONDS_OF_MS)
    ):
        return
    for cell in cells(case):
        if all(getattr(cell, name) == value for name, value in budget.chosen_by().items()):
            yield cell


def _has(case: Case, metric: str) -> bool:
    """Whether the scenario of this case has such a metric."""
    if metric in LOAD:
        return case.serving is not None and case.serving.load in LOAD[metric].loads
    return metric not in METRICS or case.scenario in METRICS[metric].scenarios


PURPOSES = dict.fromkeys(METRICS, "timing") | dict.fromkeys(MEMORY, "memory") | dict.fromkeys(LOAD, "serving")
