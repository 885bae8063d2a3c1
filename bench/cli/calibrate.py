"""`levelfield doctor --calibrate`: measure how noisy this machine is, by comparing it with itself."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.cli import compare_commits
from bench.cli.console import say, show
from bench.cli.stored_runs import read


def calibrate(*, suite: str, processes: int, added: Sequence[Path], threshold: float, results: Path) -> None:
    """Time a suite in many pairs of processes, print how much the two of a pair differ, and store it for `compare`.

    `added` are folders with pairs of an earlier calibration, finished or interrupted.
    """
    from bench.analysis import calibration
    from bench.analysis.self_check import SIDE
    from bench.errors import UsageError
    from bench.plan.options import Options
    from bench.records import machine_files
    from bench.report import calibration as pages
    from bench.report import terminal

    if processes < SIDE and not (added and processes == 0):
        raise UsageError(
            f"--processes: found {processes}, expected at least {SIDE}: the pairs of one comparison (or 0 with --add)"
        )
    turns = [compare_commits.measured(folder) for folder in added]
    if processes:
        options = compare_commits.timed(Options(suite=suite, processes=processes))
        turns.append(compare_commits.measure(compare_commits.HERE, options, results=results))
    base, head = (read([str(run) for both in turns for run in both[side]], results=results)[0] for side in (0, 1))
    # Cells that failed are left out. `calibrate` raises an error if too few pairs of a cell are left.
    found = calibration.calibrate(base, head, threshold=threshold)
    path = machine_files.save_calibration(results, found.machine, asdict(found))
    show([terminal.render_table(pages.table(found))])
    say(f"calibration: {path}")
