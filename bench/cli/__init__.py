"""The command line: the only part that prints or exits; what takes time to import is imported by its command."""

import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli import (
    baseline,
    check,
    compare,
    demo,
    doctor,
    drift,
    init,
    machines,
    models,
    predict,
    report,
    run,
    tune,
    verify,
    watch,
)
from bench.cli.console import INTERRUPTED, USAGE, fail, say_version, unsent_as_lines
from bench.cli.examples import epilog
from bench.cli.list import list_
from bench.cli.show import show_
from bench.errors import BenchError, expected
from bench.records.shell import remembered

app = typer.Typer(
    name="levelfield",
    help="Run the same network in PyTorch, Keras and JAX/Flax, prove that it is the same, and measure it.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def common_options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", metavar="", is_eager=True, callback=say_version, help="Print the version and exit."),
    ] = False,
) -> None:
    """Take the options that belong to no command."""


ROOT = str(Path(__file__).parents[2])  # the folder of our packages
# Why nobody can even look whether a path of the user exists.
UNUSABLE = {errno.EACCES, errno.EPERM, errno.ENAMETOOLONG}

MEASURE = "Measure"
READ = "Read and compare"
LOOK_UP = "Look up"
USE = "Use what was trained"

COMMANDS: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("demo", demo.demo, MEASURE),
    ("run", run.run, MEASURE),
    ("verify", verify.verify, MEASURE),
    ("tune", tune.tune, MEASURE),
    ("watch", watch.watch, MEASURE),
    ("report", report.report, READ),
    ("compare", compare.compare, READ),
    ("check", check.check, READ),
    ("list", list_, LOOK_UP),
    ("show", show_, LOOK_UP),
    ("doctor", doctor.doctor, LOOK_UP),
    ("machines", machines.machines, LOOK_UP),
    ("predict", predict.predict, USE),
    ("drift", drift.drift, USE),
)
for name, command, group in COMMANDS:
    app.command(name, epilog=epilog(name), rich_help_panel=group)(command)
app.add_typer(init.app, name="init", epilog=epilog("init"), rich_help_panel=MEASURE)
app.add_typer(baseline.app, name="baseline", epilog=epilog("baseline"), rich_help_panel=READ)
app.add_typer(models.app, name="models", epilog=epilog("models"), rich_help_panel=USE)


def main() -> None:
    """Run the command line; every command exits with a code of the table in `docs/reference/exit-codes`."""
    _import_our_own()
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    try:
        with remembered(), unsent_as_lines():
            code = app(standalone_mode=False)
    except BenchError as error:
        fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    except OSError as error:
        if error.errno not in UNUSABLE or error.filename is None:
            raise
        fail(f"{error.filename}: cannot be used ({error.strerror}), expected another path", USAGE)
    except Exception as error:
        complaint = _complaint(error)
        if complaint is None:
            raise
        if not complaint:  # a group without its command has printed its help
            raise SystemExit(USAGE) from None
        fail(complaint, USAGE)
    if code == INTERRUPTED:  # the parser makes a number of an interrupt, and hands it back
        fail("interrupted", INTERRUPTED)


def _import_our_own() -> None:
    """Search our packages first: a folder in PYTHONPATH may have a package `models` of the user."""
    if sys.path[0] != ROOT:
        sys.path.insert(0, ROOT)


def _complaint(error: Any) -> str | None:  # noqa: ANN401 (the class of the parser's errors has no fixed place)
    """The text of a mistake that the parser found in the command line; None for any other error.

    The parser leaves the check of a number to pydantic. The cause of its error then is that of pydantic.
    """
    option, mistakes = getattr(error, "param", None), getattr(error.__cause__, "errors", None)
    if option is not None and mistakes is not None:
        first = mistakes()[0]
        return f"{option.opts[0]}: found {first['input']!r}, expected {expected(first)}"
    return error.format_message() if hasattr(error, "format_message") else None
