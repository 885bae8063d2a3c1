"""`levelfield run --against CHECKOUT`: another checkout and this one, measured in turns and compared."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.cli.console import FAILED, INTERRUPTED, USAGE, fail, note, say
from bench.cli.reading import compare

if TYPE_CHECKING:
    from bench.request import Options

HERE = Path(__file__).resolve().parents[2]
SIDES = ("base", "head")
ENTRY = Path("bench", "__main__.py")
RECORDS = "records.jsonl"
FOLDERS = ("LEVELFIELD_DATA", "LEVELFIELD_CACHE")
CLOSING_S = 10.0

Run = subprocess.Popen[bytes]


def run(checkout: Path, options: "Options", *, threshold: float, form: str, results: Path) -> None:
    """Measure both at the same time, a round here and a round there, and end with the verdicts and their exit code."""
    runs = measure(checkout, options, results=results)
    compare(*(",".join(map(str, found)) for found in runs), threshold=threshold, form=form, results=results)


def measure(checkout: Path, options: "Options", *, results: Path) -> tuple[Sequence[Path], Sequence[Path]]:
    """The folders of what both sides measured; ends here where one of them could not."""
    from bench.analysis.sides import SIDE

    folders = {"base": checkout.resolve(), "head": HERE}
    for folder in folders.values():
        if not (folder / ENTRY).is_file():
            fail(f"--against: found no {ENTRY} in {folder}, expected a checkout of levelfield", USAGE)
    wanted = replace(
        options,
        purpose="timing",
        processes=options.processes or SIDE,
        workload=None if options.workload is None else ",".join(map(_absolute, options.workload.split(","))),
    )
    place = (results / f"turns-{datetime.now(tz=UTC):%Y%m%dT%H%M%SZ}").resolve()
    with TemporaryDirectory(prefix="levelfield-turns-") as meeting:
        codes = _ended({side: _start(folder, side, wanted, meeting, place=place) for side, folder in folders.items()})
    base, head = ([path.parent for path in sorted((place / side).glob(f"*/*/{RECORDS}"))] for side in SIDES)
    for side, found in (("base", base), ("head", head)):
        if codes[side] not in {0, FAILED} or not found:
            fail(
                f"--against: the run of {folders[side]} ended with {codes[side]}{_last_word(place, side)}",
                codes[side] or FAILED,
            )
    say(f"records: {place}")
    return base, head


def _last_word(place: Path, side: str) -> str:
    log = place / f"{side}.log"
    lines = log.read_text("utf-8", "replace").strip().splitlines() if log.is_file() else []
    return f": {lines[-1]}" if lines else ""


def _absolute(workload: str) -> str:
    """A file is meant from where the command was given; both runs have places of their own."""
    path = Path(workload.strip())
    return str(path.resolve()) if path.suffix == ".toml" else workload


def _start(folder: Path, side: str, options: "Options", meeting: str, *, place: Path) -> Run:
    """One run in its own checkout; that of this checkout shows how it goes on."""
    places = ("--results", str(place / side), "--reports", str(place / side / "report"))
    command = [sys.executable, "-m", "bench", "run", *options.words(), "--turns", f"{meeting}:{side}", *places]
    paths = {name: str(Path(os.environ[name]).resolve()) for name in FOLDERS if name in os.environ}
    searched = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, **paths, "PYTHONPATH": searched}
    (place / side).mkdir(parents=True)
    if side == "head":
        return subprocess.Popen(command, cwd=folder, env=environment)
    with (place / f"{side}.log").open("wb") as log:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)


def _ended(started: Mapping[str, Run]) -> dict[str, int]:
    """How both ended; the interrupt of a terminal reaches both, and they end in order."""
    try:
        return {side: process.wait() for side, process in started.items()}
    except KeyboardInterrupt:
        for process in started.values():
            process.send_signal(signal.SIGINT)
        for process in started.values():
            process.wait(timeout=CLOSING_S)
        note("interrupted; what was measured on both sides is kept")
        raise SystemExit(INTERRUPTED) from None
