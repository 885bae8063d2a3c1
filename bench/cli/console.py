"""What all commands print with, and how they end."""

import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Any, Never

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from bench.cli import completion
from bench.cli.options import as_option
from bench.errors import PRECEDENCE, ExitCode, UnsentWarning, unknown
from bench.plan.options import COMPARE, DEVICE, FRAMEWORK, PRECISION, WHERE, WORKLOAD, Help
from bench.version import __version__

INTERRUPTED = ExitCode.INTERRUPTED
FAILED = ExitCode.FAILED
USAGE = ExitCode.USAGE
INCONCLUSIVE = ExitCode.INCONCLUSIVE
NOTHING = ExitCode.NOTHING_MEASURED
WIDTH_OF_FILES = 120
VERIFY = "What to verify"

console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
errors = Console(stderr=True)


def results_folder(text: str) -> Path:
    """The folder of results that an option means; for an address the local folder that mirrors it."""
    from bench.records.remote_files import is_address
    from bench.records.remote_results import mirror

    return mirror(str(text)) if is_address(str(text)) else Path(text)


Results = Annotated[
    Path,
    as_option(
        "results",
        Help("The folder of stored runs, or an address such as s3://bucket/results.", "DIR", WHERE),
        results_folder,
    ),
]
Reports = Annotated[Path, as_option("reports", Help("The folder for reports.", "DIR", WHERE))]
Device = Annotated[str, as_option("device", DEVICE)]
OneDevice = Annotated[str, as_option("device", DEVICE._replace(metavar="NAME", group=VERIFY))]
Workloads = Annotated[
    str | None, as_option("workload", WORKLOAD._replace(group=VERIFY, shown="all but those that need a GPU"))
]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="WORKLOAD",
        help="Workloads by name (see `levelfield list workloads`) or as TOML files.",
        show_default="all but those that need a GPU",
        autocompletion=completion.workloads,
    ),
]
ONE_WORKLOAD = typer.Argument(
    metavar="WORKLOAD",
    help="A workload by name or as a TOML file.",
    show_default=False,
    autocompletion=completion.workloads,
)
RUN = "a run's id or the start of it, its folder, its records file, or `latest`"
Runs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN",
        help=f"Each is {RUN}.",
        show_default="the newest",
        autocompletion=completion.runs,
    ),
]
Frameworks = Annotated[str | None, as_option("framework", FRAMEWORK._replace(shown="pytorch, keras, flax"))]
EveryFramework = Annotated[
    str | None, as_option("framework", FRAMEWORK._replace(group=VERIFY, shown="all that are installed"))
]
Precision = Annotated[str, as_option("precision", PRECISION._replace(shown=None))]
OnePrecision = Annotated[str, as_option("precision", PRECISION._replace(metavar="NAME", group=VERIFY, shown=None))]
THRESHOLD_PERCENT = 5.0
Threshold = Annotated[float, as_option("threshold", Help("The smallest change that counts.", "PERCENT", COMPARE))]

LARGEST_THRESHOLD = 1000  # percent: ten times as slow is a change by any rule


def share_of(threshold: float) -> float:
    """The share of a threshold in percent; fails where it is none."""
    if not 0 < threshold < LARGEST_THRESHOLD:
        fail(f"--threshold: found {threshold:g}, expected percent above 0 and below {LARGEST_THRESHOLD}", USAGE)
    return threshold / 100


def write(text: str) -> None:
    """Text for other programs, as it is: neither wrapped nor coloured.

    What no file can have, half of a character, is written as an escape, which is JSON's escape too.
    """
    sys.stdout.write(text.encode(errors="backslashreplace").decode())


def show(parts: Iterable[RenderableType]) -> None:
    """Print one thing after the other."""
    for part in parts:
        console.print(part)


def pager() -> AbstractContextManager[object]:
    """What is printed inside is shown by the pager of `PAGER`, with its colours.

    `less` ends by itself if everything fits on the screen, as in Git, unless `LESS` says something else.
    """
    os.environ.setdefault("LESS", "FRX")
    return console.pager(styles=True)


def say(line: str) -> None:
    """Print one line, however long it is."""
    console.print(Text(line), soft_wrap=True)


def note(line: str) -> None:
    """Print one line beside the output."""
    errors.print(Text(line), soft_wrap=True)


def warn(message: str) -> None:
    """Print a warning beside the output."""
    errors.print(Text(f"warning: {message}", style="yellow"), soft_wrap=True)


@contextmanager
def unsent_as_lines() -> Iterator[None]:
    """Print each warning of unsent records as one line, for as long as the context lasts."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show_one(message: Warning | str, category: type[Warning], *place: Any, **named: Any) -> None:  # noqa: ANN401 (of Python)
            if category is UnsentWarning:
                warn(str(message))
            else:
                usual(message, category, *place, **named)

        warnings.showwarning = show_one
        warnings.simplefilter("always", UnsentWarning)
        yield


def warn_of_load() -> None:
    """Say so before anything is timed that something else keeps the cores busy: timings would be of both."""
    from bench.records.environment import BUSY_CORES, busy_cores

    busy = busy_cores()
    if busy > BUSY_CORES:
        warn(f"other work keeps {busy:.1f} cores busy: timings will be disturbed; `levelfield doctor` says more")


def fail(message: str, code: int) -> Never:
    """Print an error and exit."""
    errors.print(Text(f"levelfield: {message}", style="red"), soft_wrap=True)
    end = SystemExit(code)
    end.add_note(message)  # for a message to people who do not see the terminal
    raise end


def named_once(names: Sequence[str] | None, workload: str | None) -> str | None:
    """The workloads that were named, as arguments or with --workload; fails where both name some."""
    if names and workload is not None:
        fail(f"found {' '.join(names)} and --workload {workload}, expected one of them: they mean the same", USAGE)
    return ",".join(names) if names else workload


def say_version(*, wanted: bool) -> None:
    """Print the version and exit, where it is wanted."""
    if wanted:
        say(f"levelfield {__version__}")
        raise SystemExit(0)


def first_of(*codes: int) -> int:
    """The exit code that counts where several hold."""
    return min(codes, key=lambda code: [*PRECEDENCE, INTERRUPTED].index(ExitCode(code)))


def one_of(option: str, found: str, known: Sequence[str]) -> None:
    """Fail unless `found` is one of the known words."""
    if found not in known:
        fail(f"{option}: {unknown([found], known)}", USAGE)
