"""`levelfield doctor`: what is installed, and what would disturb a measurement here."""

from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from bench.cli.console import THRESHOLD_PERCENT, USAGE, Results, Threshold, fail, say, share_of


def doctor(  # noqa: PLR0913 (the options of the command)
    *,
    only_frameworks: Annotated[bool, typer.Option("--frameworks", help="Only what is installed.")] = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure this machine against itself, for `compare`.")
    ] = False,
    suite: Annotated[str, typer.Option(help="With --calibrate: what is timed.")] = "quick",
    processes: Annotated[int, typer.Option(help="With --calibrate: pairs for each case.")] = 5,
    add: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="With --calibrate: pairs of before (results/turns-*)."),
    ] = None,
    threshold: Threshold = THRESHOLD_PERCENT,
    results: Results = Path("results"),
) -> None:
    """Say what is installed and what would disturb here, or calibrate."""
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
