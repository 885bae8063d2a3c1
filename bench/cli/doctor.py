"""`levelfield doctor`: shows what is installed and what would disturb a measurement here, and ends with a verdict."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from bench.cli.console import FAILED, THRESHOLD_PERCENT, USAGE, Results, Threshold, errors, fail, say, share_of
from bench.cli.options import as_option
from bench.plan.options import DEFAULT_SUITE, Help

if TYPE_CHECKING:
    from bench.cli.diagnosis import Finding

CALIBRATE = "Calibrate"
PAIRS = 5


def doctor(  # noqa: PLR0913 (the options of the command)
    *,
    only_frameworks: Annotated[bool, as_option("frameworks", Help("Only what is installed."))] = False,
    calibrate: Annotated[
        bool,
        as_option(
            "calibrate", Help("Measure how noisy this machine is; `compare` uses it from then on.", group=CALIBRATE)
        ),
    ] = False,
    suite: Annotated[
        str, as_option("suite", Help("With --calibrate: the suite to time.", "NAME", CALIBRATE))
    ] = DEFAULT_SUITE,
    processes: Annotated[
        int, as_option("processes", Help("With --calibrate: pairs of processes for each figure.", "N", CALIBRATE))
    ] = PAIRS,
    add: Annotated[
        list[Path] | None,
        as_option(
            "add",
            Help("With --calibrate: add the pairs of an earlier calibration, in results/turns-*.", "FOLDER", CALIBRATE),
        ),
    ] = None,
    threshold: Threshold = THRESHOLD_PERCENT,
    results: Results = Path("results"),
) -> None:
    """Show what is installed and what would disturb a measurement."""
    _check_together(
        calibrate=calibrate,
        given={
            "--suite": suite != DEFAULT_SUITE,
            "--processes": processes != PAIRS,
            "--add": bool(add),
            "--threshold": threshold != THRESHOLD_PERCENT,
        },
    )
    if calibrate:
        from bench.cli.calibrate import calibrate as calibrate_machine

        calibrate_machine(
            suite=suite, processes=processes, added=add or [], threshold=share_of(threshold), results=results
        )
        return
    raise SystemExit(0 if diagnose(only_frameworks=only_frameworks) else FAILED)


def _check_together(*, calibrate: bool, given: Mapping[str, bool]) -> None:
    """Fail if an option of a calibration was given without --calibrate."""
    wrong = [option for option, found in given.items() if found]
    if wrong and not calibrate:
        fail(f"{', '.join(wrong)}: found without --calibrate, expected both: it is an option of a calibration", USAGE)


def diagnose(*, only_frameworks: bool) -> bool:
    """Print all findings and the verdict; True if a run makes sense now."""
    from bench.cli import diagnosis

    of_frameworks = _told(diagnosis.examine_frameworks())
    of_machine: list[Finding] = []
    if not only_frameworks:
        with errors.status("looking at the machine"):
            of_machine = list(diagnosis.examine_machine())
        _told(of_machine)
    line, ready = diagnosis.verdict(of_frameworks, of_machine)
    say(line)
    return ready


def list_devices() -> None:
    """Print what each framework sees."""
    from bench.cli import diagnosis

    _told(diagnosis.examine_frameworks())
    _told(diagnosis.examine_limits())


def _told(findings: Iterable["Finding"]) -> "list[Finding]":
    """Print the findings, those with a remedy with a mark, and return them."""
    found = list(findings)
    for item in found:
        remedy = f"  -> {item.remedy}" if item.remedy else ""
        say(f"{'!' if item.remedy else ' '} {item.subject}: {item.found}{remedy}")
    return found
