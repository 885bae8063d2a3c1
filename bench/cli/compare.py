"""`levelfield compare`: two runs, held against each other."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import completion
from bench.cli.console import (
    FAILED,
    NOTHING,
    RUN,
    THRESHOLD_PERCENT,
    USAGE,
    Reports,
    Results,
    Threshold,
    fail,
    first_of,
    note,
    one_of,
    share_of,
    warn,
)
from bench.cli.notify import Notify, NotifyAlways, announced
from bench.cli.options import as_option
from bench.cli.page import without_folders
from bench.cli.page_files import write_sheet
from bench.cli.stored_runs import known_spreads, names
from bench.cli.verdicts import VERDICT_FORMATS, VerdictFormat, news, plainly, show_verdicts
from bench.plan.options import COMPARE, Help

if TYPE_CHECKING:
    from bench.analysis.compare import Comparison
    from bench.records.named_runs import Side
    from bench.records.record import Record
    from bench.report.layout import Report
    from bench.report.page.sheet import Sheet

PAGE = "comparison.html"
TITLE_OF_HALVES = "one half of {} compared with the other"


def compare(  # noqa: PLR0913 (the options of the command)
    baseline: Annotated[
        str,
        typer.Argument(
            metavar="BASELINE",
            help=f"The run to compare with: {RUN}, or `baseline` for the one set by `levelfield baseline`.",
            autocompletion=completion.baselines,
        ),
    ],
    candidate: Annotated[
        str | None,
        typer.Argument(
            metavar="CANDIDATE",
            help="The run that is judged, needed without --self-check. Several, separated by commas, count as one.",
            show_default=False,
            autocompletion=completion.runs,
        ),
    ] = None,
    *,
    self_check: Annotated[
        bool,
        as_option(
            "self_check", Help("Split BASELINE in two halves of its processes, and compare these.", group=COMPARE)
        ),
    ] = False,
    subset: Annotated[
        bool,
        as_option(
            "subset",
            Help("CANDIDATE is a part of BASELINE on purpose: only what it planned has to be there.", group=COMPARE),
        ),
    ] = False,
    threshold: Threshold = THRESHOLD_PERCENT,
    form: VerdictFormat = "terminal",
    notify: Notify = None,
    notify_always: NotifyAlways = False,
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Compare two runs of one machine, with a verdict for each figure.

    The interactive page `comparison.html` in the folder for reports has the same, and all processes of each figure.
    The exit code is 3 if a figure got worse, and 1 if the candidate lacks something of the baseline. It is 4 if a
    figure is inconclusive, 5 if the machine or a workload differs, and 6 if nothing was measured in both.
    """
    one_of("--format", form, VERDICT_FORMATS)
    share = share_of(threshold)
    unread: list[str] = []
    with announced(notify, _asked(baseline, candidate), always=notify_always) as lines:
        before, after = _sides(baseline, candidate, results=results, self_check=self_check, unread=unread)
        found = _judged(before, after, results=results, threshold=share, subset=subset)
        if found.exit_code == NOTHING:
            warn(f"{baseline}, {candidate}: found nothing that was measured in both{_apart(found)}")
        code = first_of(found.exit_code, FAILED if unread else 0)
        report = _report(found, _title(before, after, halves=self_check), code=code, unread=unread)
        show_verdicts(found, report, form)
        write_sheet(lambda: _sheet(found, report, before, after), reports / PAGE)
        _tell_of_planted(before.records, after.records, found)
        lines += [*map(without_folders, unread), *news(found, report)]
        raise SystemExit(code)


def _title(before: "Side", after: "Side", *, halves: bool) -> str:
    from bench.report import comparison

    old, new = names(before.records), names(after.records)
    return TITLE_OF_HALVES.format(old) if halves else comparison.TITLE.format(baseline=old, candidate=new)


def _report(found: "Comparison", title: str, *, code: int, unread: Sequence[str]) -> "Report":
    from bench.report import comparison

    return comparison.report(found, title=title, code=code, unread=map(without_folders, unread))


def _sheet(found: "Comparison", report: "Report", before: "Side", after: "Side") -> "Sheet":
    from bench.report.page import comparison_sheet

    return comparison_sheet.sheet(found, report, baseline=before.records, candidate=after.records)


def _judged(before: "Side", after: "Side", *, results: Path, threshold: float, subset: bool) -> "Comparison":
    """The verdicts on both sides, with what is known of the noise of their machine."""
    from bench.analysis.compare import Incomplete
    from bench.analysis.compare import compare as compare_records
    from bench.records.named_runs import machine_of

    return compare_records(
        before.records,
        after.records,
        threshold=threshold,
        calibration=known_spreads(results, machine_of(after.records)),
        incomplete=Incomplete(baseline=before.unmeasured, candidate=after.unmeasured, subset=subset),
    )


def _asked(baseline: str, candidate: str | None) -> str:
    """What is compared, in the words that were given: the same title in every run of the command."""
    old, new = plainly(baseline.split(",")), "its halves" if candidate is None else plainly(candidate.split(","))
    return f"levelfield compare: {old}, {new}"


def _apart(found: "Comparison") -> str:
    return "".join(f"; {line}" for line in found.apart)


def _sides(
    baseline: str, candidate: str | None, *, results: Path, self_check: bool, unread: list[str]
) -> "tuple[Side, Side]":
    """Both sides: two runs, or the two halves of one. A warning about what could not be read goes to `unread` too."""
    from bench.analysis.self_check import halves
    from bench.records.named_runs import Side, machine_of, read_side

    if self_check == (candidate is not None):
        found = f"{baseline!r}{f' and {candidate!r}' if candidate else ''}{' with --self-check' if self_check else ''}"
        fail(f"compare: found {found}, expected `compare BASELINE CANDIDATE` or `compare RUN --self-check`", USAGE)

    def tell(line: str) -> None:
        unread.append(line)
        warn(line)

    olds = baseline.split(",")
    if candidate is None:
        records = read_side(olds, results=results, warn=tell).records
        first, second = halves(records)
        return Side(records=tuple(first)), Side(records=tuple(second))
    after = read_side(candidate.split(","), results=results, warn=tell)
    before = read_side(olds, results=results, machine=machine_of(after.records), warn=tell)
    if before.records == after.records:
        warn(f"{baseline} and {candidate} are the same run: nothing can differ")
    return before, after


def _tell_of_planted(before: Sequence["Record"], after: Sequence["Record"], comparison: "Comparison") -> None:
    """Print whether a change that `run --inject` made on one side was detected, if there was one."""
    from bench.analysis.self_check import planted

    found = planted(before, after, comparison)
    if found is None:
        return
    first = found.cells[0]
    note(
        f"changed on purpose: {first.workload} {first.contender} {first.scenario}, {found.how}; detected in "
        f"{found.found} of {found.planted} figures; false alarms: {found.alarms} of {found.others} other figures"
    )
