"""`levelfield drift`: whether later data differ from those that a model was made from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import USAGE, Reports, Results, errors, fail, note, one_of, warn
from bench.cli.drift_data import Asked
from bench.cli.model_argument import model_folder
from bench.cli.notify import Notify, NotifyAlways, announced
from bench.cli.options import as_option
from bench.cli.page_files import write_sheet
from bench.cli.verdicts import PAGES, answers_of, plainly, show_found
from bench.plan.options import DEVICE, Help

if TYPE_CHECKING:
    from bench.analysis.drift.verdicts import Drift
    from bench.report.page.sheet import Sheet

PAGE = "drift.html"
FORMATS = (*PAGES, "json")
COMPARE = "Compare"
TABLES = "Tables"
MODEL = "Models"


Reference = Annotated[
    Path,
    typer.Argument(
        metavar="REFERENCE",
        help="A saved model (its folder, name, digest or tag), a table, or a profile of --save-profile.",
    ),
]
Current = Annotated[
    str,
    typer.Argument(
        metavar="CURRENT", help="The later data: a table, or whatever `levelfield predict` takes for the model."
    ),
]
BY = Help(
    "Judge each value of a column by itself, or each period of a column of dates: day, week, month, quarter, year.",
    "COLUMN[:PERIOD]",
    COMPARE,
    shown="all rows together",
)
EFFECT = Help("The smallest effect that counts as drift.", "NUMBER", COMPARE)
SHARE = Help("The share of the columns that may drift.", "NUMBER", COMPARE)
COLUMNS = Help("Compare only these columns.", "NAMES", TABLES, shown="all")
WITHOUT = Help("Leave these columns out.", "NAMES", TABLES, shown="none")
SEPARATOR = Help("The sign between two cells of a CSV file.", "SIGN", TABLES)
DECIMAL = Help("The sign before decimals in a CSV file.", "SIGN", TABLES)
SAVE = Help("Write the profile of REFERENCE, which can stand in its place.", "FILE", TABLES, shown="none")
RETRAIN = Help(
    "The accuracy, or the mean absolute error, at which to train again.",
    "NUMBER",
    MODEL,
    shown="an error 25 % above that on the test data",
)
FRAMEWORK = Help("The framework that predicts.", "NAME", MODEL, shown="the one that trained it")


def drift(  # noqa: PLR0913 (the options of the command)
    reference: Reference,
    current: Current,
    *,
    by: Annotated[str, as_option("by", BY)] = "",
    effect: Annotated[float, as_option("effect", EFFECT)] = 0.1,
    max_share: Annotated[float, as_option("max_share", SHARE)] = 0.0,
    columns: Annotated[str, as_option("columns", COLUMNS)] = "",
    without: Annotated[str, as_option("without", WITHOUT)] = "",
    separator: Annotated[str, as_option("separator", SEPARATOR)] = ",",
    decimal: Annotated[str, as_option("decimal", DECIMAL)] = ".",
    save_profile: Annotated[Path | None, as_option("save_profile", SAVE)] = None,
    retrain_at: Annotated[float | None, as_option("retrain_at", RETRAIN)] = None,
    framework: Annotated[str | None, as_option("framework", FRAMEWORK)] = None,
    device: Annotated[str, as_option("device", DEVICE._replace(metavar="NAME", group=MODEL))] = "cpu",
    form: Annotated[str, as_option("format", Help(f"One of {', '.join(FORMATS)}.", "NAME"))] = "terminal",
    notify: Notify = None,
    notify_always: NotifyAlways = False,
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Compare later data with the data of a model, column by column, and judge the model's outputs and quality.

    The interactive page `drift.html` in the folder for reports has all columns with their histograms. The exit code is
    3 if more columns drifted than allowed or the model should be trained again, 4 if something is undecided, and 6 if
    no column could be tested.
    """
    from bench.report import drift as pages

    one_of("--format", form, FORMATS)
    _check(effect, max_share, separator, decimal)
    asked = Asked(
        reference=model_folder(reference, results=results),
        current=current,
        by=by,
        columns=_names(columns),
        without=_names(without),
        separator="\t" if separator == r"\t" else separator,
        decimal=decimal,
        retrain_at=retrain_at,
        framework=framework,
        device=device,
    )
    title = f"levelfield drift: {plainly([current])} against {plainly([str(reference)])}"
    with announced(notify, title, always=notify_always, worse="a limit is broken") as lines:
        found = _found(asked, effect=effect, max_share=max_share, save_profile=save_profile)
        for remark in found.remarks:
            warn(remark)
        page = pages.report(found)
        show_found(found, page, form, brief=True)
        write_sheet(lambda: _sheet(found), reports / PAGE)
        lines += [page.title, *answers_of(page), *found.remarks]
        raise SystemExit(found.exit_code)


def _check(effect: float, max_share: float, separator: str, decimal: str) -> None:
    problems = []
    if not effect > 0:
        problems.append(f"--effect: found {effect:g}, expected a number above 0")
    if not 0 <= max_share <= 1:
        problems.append(f"--max-share: found {max_share:g}, expected a share from 0 to 1")
    if len(separator) != 1 and separator != r"\t":
        problems.append(f"--separator: found {separator!r}, expected one sign")
    if decimal not in {".", ","}:
        problems.append(f"--decimal: found {decimal!r}, expected . or ,")
    if separator == decimal:
        problems.append(f"--separator: found {separator!r}, which is --decimal too, expected two signs")
    if problems:
        fail("; ".join(problems), USAGE)


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(","))))


def _found(asked: Asked, *, effect: float, max_share: float, save_profile: Path | None) -> "Drift":
    from bench.analysis.drift.verdicts import judge
    from bench.cli import drift_data
    from bench.records import profile_files

    with errors.status("reading the reference"):
        known = drift_data.reference(asked)
    if save_profile is not None:
        try:
            profile_files.write(known.profile, save_profile)
        except OSError as error:
            fail(f"--save-profile: {save_profile}: cannot be written ({error.strerror})", USAGE)
        note(f"profile: {save_profile}")
    with errors.status("reading the later data"):
        later = drift_data.later(known, asked)
    return judge(
        known.profile.columns,
        later.parts,
        names=(known.profile.source, Path(asked.current).name),
        by=asked.by,
        effect=effect,
        share_limit=max_share,
        has_model=known.about is not None,
        failure=later.failure,
        remarks=later.remarks,
    )


def _sheet(found: "Drift") -> "Sheet":
    from bench.report.page import drift_sheet

    return drift_sheet.sheet(found)
