"""`levelfield doctor --calibrate`: measure this machine against itself."""

from dataclasses import asdict
from pathlib import Path

from bench.cli import measuring
from bench.cli.console import say, show, warn


def calibrate(*, suite: str, processes: int, threshold: float, results: Path, reports: Path) -> None:
    """Time a suite in many processes, say how far they are apart, and store it for `compare`."""
    from bench import store
    from bench.analysis import calibration
    from bench.analysis.sides import SIDE
    from bench.errors import UsageError
    from bench.report import calibration as pages
    from bench.report import terminal
    from bench.request import Options, check

    if processes < 2 * SIDE:
        raise UsageError(f"--processes: found {processes}, expected at least {2 * SIDE}: two sides to compare")
    options = Options(suite=suite, purpose="timing", processes=processes)
    run, _ = measuring.start(options, check(options), results=results, reports=reports)
    # Cells that failed are left out; where that leaves too few processes of one, it is refused.
    found = calibration.calibrate(run.read(warn=warn), threshold=threshold)
    path = store.save_calibration(results, found.machine, asdict(found))
    show([terminal.render_table(pages.table(found))])
    say(f"calibration: {path}")
