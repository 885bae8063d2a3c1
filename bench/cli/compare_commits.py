"""`levelfield run --against CHECKOUT`: another checkout and this one, measured in turns and compared.

CHECKOUT is one of Levelfield, or one of a project with a network of the user: see `network_versions`.
"""

import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.cli import network_versions
from bench.cli.compare import compare
from bench.cli.console import FAILED, INCONCLUSIVE, INTERRUPTED, USAGE, fail, note, one_of, share_of
from bench.cli.stored_runs import check_can_be_written, check_writable, known_spreads, read
from bench.cli.verdicts import VERDICT_FORMATS
from bench.records.shell import shell

if TYPE_CHECKING:
    from bench.plan.options import Options
    from bench.records.cell import Cell

HERE = Path(__file__).resolve().parents[2]
ENTRY = Path("bench", "__main__.py")
# Where a checkout says how it takes turns: the second is the place of commits before the rooms.
EXCHANGES = (Path("bench", "run", "plan_exchange.py"), Path("bench", "meeting.py"))
RECORDS = "records.jsonl"
FOLDERS = ("LEVELFIELD_DATA", "LEVELFIELD_CACHE")
CLOSING_S = 20.0
LOOK_S = 0.1

MORE = 2  # times that inconclusive cells are measured again

Run = subprocess.Popen[bytes]
Runs = tuple[Sequence[Path], Sequence[Path]]


def timed(options: "Options") -> "Options":
    """What both sides are asked for; raises UsageError for what cannot be had in turns, and for any other mistake."""
    from bench.analysis.self_check import SIDE
    from bench.errors import UsageError
    from bench.plan.request import check

    for name in ("purpose", "grid", "save_models", "tensorboard", "turns", "only"):
        if getattr(options, name):
            raise UsageError(
                f"--{name.replace('_', '-')}: not possible with --against or --self-check, "
                "which only measure times; leave it out"
            )
    if options.mode != "idiomatic":
        raise UsageError(
            f"--mode: found {options.mode!r} with --against, expected idiomatic: both would search at the same time"
        )
    workload = None if options.workload is None else ",".join(map(_absolute, options.workload.split(",")))
    processes = SIDE if options.processes is None else options.processes
    wanted = replace(options, purpose="timing", processes=processes, workload=workload)
    checked = check(replace(wanted, turns=f"{Path.cwd()}:head"))
    if checked.selection.serving:
        raise UsageError(
            f"--scenario: found {options.scenario} with --against or --self-check, expected training or inference: "
            "only their calls are timed in turns; measure two runs, and compare them with `levelfield compare`"
        )
    return wanted


def check_comparison(checkout: Path, options: "Options", *, threshold: float, form: str, results: Path) -> None:
    """Refuse what `run` would refuse, and start nothing."""
    one_of("--format", form, VERDICT_FORMATS)
    share_of(threshold)
    check_can_be_written(results)
    _sides(checkout, options)


def run(  # noqa: PLR0913 (the options of the command)
    checkout: Path, options: "Options", *, threshold: float, form: str, results: Path, reports: Path
) -> None:
    """Measure both checkouts in alternating slices, and end with the verdicts and their exit code.

    If the comparison is inconclusive, the inconclusive cells are measured again, and all their pairs count.
    """
    one_of("--format", form, VERDICT_FORMATS)
    share = share_of(threshold)
    runs = measure(checkout, options, results=results, quiet=form != "terminal")
    for _ in range(0 if options.inject else MORE):  # an injected change is in one cell of a whole run
        left = _undecided(runs, threshold=share, results=results)
        if not left:
            break
        note(f"compare the runs so far: levelfield compare {shlex.join(_names(runs))}")
        note(f"{len(left)} inconclusive cells are measured again")
        try:
            more = measure(checkout, options, results=results, quiet=form != "terminal", only=left)
        except SystemExit as end:
            if end.code == INTERRUPTED:
                raise
            break  # the reason was printed; the pairs that were measured before still give verdicts
        runs = ([*runs[0], *more[0]], [*runs[1], *more[1]])
    names = _names(runs)
    note(f"compare them again: levelfield compare {shlex.join(names)}")
    compare(*names, threshold=threshold, form=form, results=results, reports=reports)


def _names(runs: Runs) -> list[str]:
    """Both sides, as `levelfield compare` takes them."""
    return [",".join(map(str, side)) for side in runs]


def _undecided(runs: Runs, *, threshold: float, results: Path) -> Sequence["Cell"]:
    """The inconclusive cells, for which more pairs may give a verdict; none if the comparison is decided."""
    from bench.analysis import compare as analysis

    base, head = (read([str(folder) for folder in side], results=results)[0] for side in runs)
    known = known_spreads(results, head[0].environment.machine)
    found = analysis.compare(base, head, threshold=threshold, calibration=known)
    if found.exit_code != INCONCLUSIVE:
        return ()
    rows = (row for row in found.rows if row.verdict == "inconclusive" and math.isfinite(row.low))
    return tuple(dict.fromkeys(row.cell for row in rows))


def measure(
    checkout: Path, options: "Options", *, results: Path, quiet: bool = False, only: Sequence["Cell"] = ()
) -> Runs:
    """The run folders of both sides; exits if one of them measured nothing.

    With `quiet` the progress goes to stderr. With `only` no other cells are measured.
    """
    sides = _sides(checkout, options)
    check_writable(results)
    place = (results / f"turns-{datetime.now(tz=UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}").resolve()
    with TemporaryDirectory(prefix="levelfield-turns-") as meeting:
        more = []
        if only:
            chosen = Path(meeting, "only.json")
            chosen.write_text(json.dumps([asdict(cell) for cell in only]), "utf-8")
            more = ["--only", str(chosen)]
        started: dict[str, Run] = {}
        try:
            for side, (folder, asked) in sides.items():
                words = [*asked.words(), *more]
                started[side] = _start(folder, side, words, meeting, place=place, quiet=quiet)
            codes = _ended(started, place)
        finally:
            _end(started.values())
    base, head = _both(place)
    for side, found in (("base", base), ("head", head)):
        if codes[side] not in {0, FAILED} or not found:
            reason = f"the run of {sides[side][0]} ended with {codes[side]}{_last_word(place, side)}"
            fail(f"{reason}; both commits need the option `run --turns`", codes[side] if codes[side] > 0 else FAILED)
    note(f"records: {place}")
    return base, head


def _sides(checkout: Path, options: "Options") -> "Mapping[str, tuple[Path, Options]]":
    """The checkout of Levelfield that measures each side, and its options; fails if they cannot be compared."""
    if not (checkout / ENTRY).is_file() and network_versions.files(options):
        return {"base": (HERE, network_versions.other(checkout, options)), "head": (HERE, options)}
    check_checkouts(checkout)
    network_versions.check_knows_folders(checkout, options)
    return {"base": (checkout.resolve(), options), "head": (HERE, options)}


def check_checkouts(checkout: Path) -> None:
    """Fail if the folder is no checkout of levelfield, or if this checkout and that one cannot take turns."""
    for folder in (checkout.resolve(), HERE):
        if not (folder / ENTRY).is_file():
            fail(f"--against: found no {ENTRY} in {folder}, expected a checkout of levelfield", USAGE)
    theirs, ours = map(_protocol, (checkout.resolve(), HERE))
    if theirs != ours:
        fail(
            f"--against: {checkout} has version {theirs} of the interleaving protocol, expected {ours}: "
            "measure both commits one after the other, and compare the runs with `levelfield compare`",
            USAGE,
        )


def measured(place: Path) -> Runs:
    """The run folders of both sides in a folder `results/turns-*` of an earlier measurement."""
    base, head = _both(place)
    if not base or not head:
        fail(
            f"--add: found no records of both sides in {place}, expected a folder results/turns-* of a calibration",
            USAGE,
        )
    return base, head


def _both(place: Path) -> Runs:
    from bench.records.measurement import SIDES

    base, head = (_records(place, side) for side in SIDES)
    return base, head


def _protocol(folder: Path) -> str:
    """The version of the interleaving protocol of a checkout."""
    texts = (path.read_text("utf-8") for path in map(folder.joinpath, EXCHANGES) if path.is_file())
    found = re.search(r"^PROTOCOL = (\d+)$", next(texts, ""), re.MULTILINE)
    return found[1] if found else "1"


def _last_word(place: Path, side: str) -> str:
    log = place / f"{side}.log"
    lines = log.read_text("utf-8", "replace").strip().splitlines() if log.is_file() else []
    return f": {lines[-1]}" if lines else ""


def _absolute(workload: str) -> str:
    """A TOML file as an absolute path, since both runs have other current folders."""
    path = Path(workload.strip())
    return str(path.resolve()) if path.suffix == ".toml" else workload


def _start(  # noqa: PLR0913 (what a run is started with)
    folder: Path, side: str, words: Sequence[str], meeting: str, *, place: Path, quiet: bool
) -> Run:
    """Start one run in its own checkout; the one of this checkout prints its progress."""
    places = ("--results", str(place / side), "--reports", str(place / side / "report"))
    command = [sys.executable, "-P", "-m", "bench", "run", *words, "--turns", f"{meeting}:{side}", *places]
    paths = {name: str(Path(os.environ[name]).resolve()) for name in FOLDERS if name in os.environ}
    searched = os.pathsep.join(filter(None, [str(folder), shell().get("PYTHONPATH")]))
    environment = {**shell(), **paths, "PYTHONPATH": searched}
    (place / side).mkdir(parents=True)
    with (place / f"{side}.log").open("wb") if side == "base" else nullcontext() as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=log or (sys.stderr if quiet else None),
            stderr=log,
            start_new_session=True,  # Ctrl+C reaches this process alone, which sends it on once
        )


def _ended(started: Mapping[str, Run], place: Path) -> dict[str, int]:
    """The exit codes of both sides; if one ends without a record, the other is stopped."""
    try:
        while any(process.poll() is None for process in started.values()):
            ended = [side for side, process in started.items() if process.returncode is not None]
            if not all(_records(place, side) for side in ended):
                _end(started.values())
            time.sleep(LOOK_S)
    except KeyboardInterrupt:
        _end(started.values())
        note(f"interrupted; the records of both sides so far are in {place}")
        raise SystemExit(INTERRUPTED) from None
    return {side: process.wait() for side, process in started.items()}


def _records(place: Path, side: str) -> list[Path]:
    """The run folders of one side: one, or none if it measured nothing."""
    return [path.parent for path in sorted((place / side).glob(f"*/*/{RECORDS}"))]


def _end(processes: Iterable[Run]) -> None:
    """Interrupt the runs that are still going, and kill those that do not end."""
    going_on = [process for process in processes if process.poll() is None]
    for process in going_on:
        process.send_signal(signal.SIGINT)
    for process in going_on:
        try:
            process.wait(timeout=CLOSING_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
