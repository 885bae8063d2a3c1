"""`levelfield doctor`: what is installed, and what would disturb a measurement here."""

from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from bench.cli.console import THRESHOLD_PERCENT, USAGE, Results, Threshold, fail, say, share_of
from bench.cli.options import as_option
from bench.plan.options import DEFAULT_SUITE, Help

CALIBRATE = "Calibrate"


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
        int, as_option("processes", Help("With --calibrate: pairs of processes for each case.", "N", CALIBRATE))
    ] = 5,
    add: Annotated[
        list[Path] | None,
        as_option(
            "add", Help("With --calibrate: add the pairs of an earlier one (results/turns-*).", "FOLDER", CALIBRATE)
        ),
    ] = None,
    threshold: Threshold = THRESHOLD_PERCENT,
    results: Results = Path("results"),
) -> None:
    """Show what is installed and what would disturb a measurement here, or calibrate this machine."""
    if add and not calibrate:
        fail("--add: found it without --calibrate, expected both: pairs are added to a calibration", USAGE)
    if calibrate:
        from bench.cli.calibrate import calibrate as calibrate_machine

        calibrate_machine(
            suite=suite, processes=processes, added=add or [], threshold=share_of(threshold), results=results
        )
        return
    from bench.cli.diagnosis import examine

    with TemporaryDirectory(prefix="levelfield-") as folder:
        findings = examine(Path(folder))
        shown = takewhile(lambda item: item.subject != "machine", findings) if only_frameworks else findings
        for item in shown:
            remedy = f"  -> {item.remedy}" if item.remedy else ""
            say(f"{'!' if item.remedy else ' '} {item.subject}: {item.found}{remedy}")
