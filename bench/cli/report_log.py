"""`levelfield report --log`: prediction logs as tables, or as JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Never

from bench.cli.console import FAILED, USAGE, fail, show, warn, write
from bench.cli.options import as_option
from bench.errors import NothingMeasuredError
from bench.plan.options import Help

if TYPE_CHECKING:
    from bench.analysis.prediction_logs import PredictionLogs

GROUP = "Prediction logs"
FORMATS = ("terminal", "markdown", "json")
MOST_INTERVALS = 1000

LogFiles = Annotated[
    list[Path] | None,
    as_option(
        "log",
        Help("Report what `levelfield predict --log` has written here, in place of runs. Repeatable.", "FILE", GROUP),
    ),
]
Every = Annotated[
    str | None,
    as_option("every", Help("The length of an interval: 30s, 5min, 1h, 1d.", "TIME", GROUP, "12 to 24 intervals")),
]


def report_logs(logs: Sequence[Path] | None, *, every: str | None, form: str, beside: Sequence[str]) -> Never:
    """Print the report of prediction logs; `beside` are arguments that ask for stored runs.

    The exit code is 1 if a line was skipped, and 6 if there are no predictions.
    """
    from bench.analysis import prediction_logs as analysis
    from bench.plan.log_options import interval_s
    from bench.records import prediction_log

    if not logs:
        fail(f"--every: found {every!r} without --log, expected both: only prediction logs have intervals", USAGE)
    if beside:
        fail(f"--log: found {' '.join(beside)} beside it, expected logs or stored runs: they are two reports", USAGE)
    if form not in FORMATS:
        fail(f"--format: found {form!r} with --log, expected one of {', '.join(FORMATS)}", USAGE)
    length = None if every is None else interval_s(every)
    skipped: list[str] = []
    lines = prediction_log.read(logs, warn=skipped.append)
    for line in skipped:
        warn(line)
    names = ", ".join(map(str, logs))
    if not lines:
        raise NothingMeasuredError(f"{names}: found no predictions, expected lines of `levelfield predict --log`")
    number = 0 if length is None else analysis.number_of_intervals(lines, length)
    if number > MOST_INTERVALS:
        fail(f"--every: found {every!r}, which makes {number} intervals, expected at most {MOST_INTERVALS}", USAGE)
    _print(analysis.watched(lines, every_s=length), form, title=f"Predictions in {names}")
    raise SystemExit(FAILED if skipped else 0)


def _print(found: "PredictionLogs", form: str, *, title: str) -> None:
    from bench.export import json
    from bench.report import markdown, terminal
    from bench.report import prediction_logs as pages

    if form == "json":
        write(json.render(found))
    elif form == "markdown":
        write(markdown.render(pages.report(found, title=title)))
    else:
        show(terminal.render(pages.report(found, title=title)))
