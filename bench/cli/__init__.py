"""The command line: the only part that prints or exits; what takes time to import is imported by its command."""

import sys
from typing import Annotated

import typer

from bench.cli import baseline, check, compare, doctor, predict, report, run, tune, verify
from bench.cli.console import INTERRUPTED, USAGE, fail, say_version
from bench.cli.list import list_
from bench.cli.show import show_
from bench.errors import BenchError

app = typer.Typer(
    name="levelfield",
    help="A level playing field for deep-learning frameworks: the same networks, one clock, proven equal.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def common_options(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=say_version, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that belong to no command."""


app.command()(run.run)
app.command()(verify.verify)
app.command()(tune.tune)
app.command()(report.report)
app.command()(compare.compare)
app.command()(check.check)
app.add_typer(baseline.app, name="baseline")
app.command(name="list")(list_)
app.command(name="show")(show_)
app.command()(predict.predict)
app.command()(doctor.doctor)


def main() -> None:
    """Run the command line; every command exits with the code that the README's table gives."""
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    try:
        code = app(standalone_mode=False)
    except BenchError as error:
        fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    except Exception as error:
        complaint = getattr(error, "format_message", None)  # the parser's own errors know how to put themselves
        if complaint is None:
            raise
        fail(complaint(), USAGE)
    if code == INTERRUPTED:  # the parser makes a number of an interrupt, and hands it back
        fail("interrupted", INTERRUPTED)
