"""What all commands print with, and how they end."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Never

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from bench.cli.options import as_option
from bench.plan.options import DEVICE, FRAMEWORK, PRECISION, WORKLOAD
from bench.version import __version__

INTERRUPTED = 130
FAILED = 1
USAGE = 2
INCONCLUSIVE = 4
NOTHING = 6
WIDTH_OF_FILES = 120

console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
errors = Console(stderr=True)

Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="Where runs are stored.")]
Reports = Annotated[Path, typer.Option("--reports", metavar="DIR", help="Where pages are written.")]
Device = Annotated[str, as_option("device", DEVICE)]
Workloads = Annotated[str | None, as_option("workload", WORKLOAD)]
Frameworks = Annotated[str | None, as_option("framework", FRAMEWORK)]
Precision = Annotated[str, as_option("precision", PRECISION)]
THRESHOLD_PERCENT = 5.0
Threshold = Annotated[float, typer.Option("--threshold", metavar="PERCENT", help="What counts as a change.")]

LARGEST_THRESHOLD = 1000  # percent: ten times as slow is a change by any rule


def share_of(threshold: float) -> float:
    """The share of a threshold in percent; fails where it is none."""
    if not 0 < threshold < LARGEST_THRESHOLD:
        fail(f"--threshold: found {threshold:g}, expected percent above 0 and below {LARGEST_THRESHOLD}", USAGE)
    return threshold / 100


def write(text: str) -> None:
    """Text for other programs, as it is: neither wrapped nor coloured."""
    sys.stdout.write(text)


def show(parts: Iterable[RenderableType]) -> None:
    """Print one thing after the other."""
    for part in parts:
        console.print(part)


def say(line: str) -> None:
    """Print one line, however long it is."""
    console.print(Text(line), soft_wrap=True)


def note(line: str) -> None:
    """Print one line beside the output."""
    errors.print(Text(line), soft_wrap=True)


def warn(message: str) -> None:
    """Print a warning beside the output."""
    errors.print(Text(f"warning: {message}", style="yellow"), soft_wrap=True)


def warn_of_load() -> None:
    """Say so before anything is timed that something else keeps the cores busy: timings would be of both."""
    from bench.records.environment import BUSY_CORES, busy_cores

    busy = busy_cores()
    if busy > BUSY_CORES:
        warn(f"other work keeps {busy:.1f} cores busy: timings will be disturbed; `levelfield doctor` says more")


def fail(message: str, code: int) -> Never:
    """Print an error and exit."""
    errors.print(Text(f"levelfield: {message}", style="red"), soft_wrap=True)
    raise SystemExit(code)


def say_version(*, wanted: bool) -> None:
    """Print the version and exit, where it is wanted."""
    if wanted:
        say(f"levelfield {__version__}")
        raise SystemExit(0)


def one_of(option: str, found: str, known: Sequence[str]) -> None:
    """Fail unless `found` is one of the known words."""
    if found not in known:
        fail(f"{option}: found {found!r}, expected one of {', '.join(known)}", USAGE)
