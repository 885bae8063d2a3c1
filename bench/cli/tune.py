"""`levelfield tune`: finds the fastest public options of each framework, and shows every candidate that was timed."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

from bench.cli.console import (
    NOTHING,
    ONE_WORKLOAD,
    USAGE,
    Device,
    Frameworks,
    Precision,
    Reports,
    errors,
    fail,
    note,
    say,
    show,
    warn_of_load,
)
from bench.cli.devices import check_devices
from bench.cli.events import show_event
from bench.cli.options import as_option
from bench.cli.page_files import write_sheet
from bench.plan.options import HOW, SCENARIO, THREADS, WHERE, Help, Options

if TYPE_CHECKING:
    from bench.plan.request import Request
    from bench.records.cell import Cell
    from bench.records.record import SearchResult
    from bench.report.page.sheet import Sheet
    from bench.workload.workload import Workload

    Found = dict[Cell, SearchResult]

LIMIT_S = 1800.0
PAGE = "tuning.html"
# One line, so that the tables stay on the screen.
SCRIPTS = (
    "For scripts with the chosen options, repeat the command with `--scripts DIR`: the result of the search is cached."
)

SIZES = Help("Batch sizes to search at.", "LIST", HOW, "training: the recipe's; inference: those of suite quick")


def tune(  # noqa: PLR0913 (the options of the command)
    workload: Annotated[str, ONE_WORKLOAD],
    *,
    framework: Frameworks = None,
    device: Device = "cpu",
    precision: Precision = "fp32",
    scenario: Annotated[
        str, as_option("scenario", SCENARIO._replace(text="training, inference.", shown=None))
    ] = "training",
    batch_size: Annotated[str | None, as_option("batch_size", SIZES)] = None,
    threads: Annotated[int | None, as_option("threads", THREADS)] = None,
    scripts: Annotated[
        Path | None, as_option("scripts", Help("Write the winners as scripts that run by themselves.", "DIR", WHERE))
    ] = None,
    again: Annotated[
        bool, as_option("again", Help("Search again, even if the cache has a result.", group=HOW))
    ] = False,
    exhaustive: Annotated[
        bool,
        as_option("exhaustive", Help("Afterwards time every candidate at length: did the search miss one?", group=HOW)),
    ] = False,
    reports: Reports = Path("reports"),
) -> None:
    """Search for the fastest public options of each framework.

    The interactive page `tuning.html` in the folder for reports has every timing of each candidate. A search is for one
    workload. `levelfield run --mode tuned` makes the same searches and measures what they found.
    """
    from bench.report import terminal
    from bench.report import tuning as pages

    request = _checked(
        Options(
            workload=workload,
            framework=framework,
            device=device,
            mode="tuned",
            precision=precision,
            scenario=scenario,
            batch_size=batch_size,
            purpose="timing",
            processes=1,
            threads=threads,
        )
    )
    if scripts is not None:
        _refuse_unwritten(request)
    warn_of_load()
    check_devices(request.selection.contenders, request.selection.places)
    found, picked = _search(request, again=again, exhaustive=exhaustive)
    for cell, item in found.items():
        show([terminal.render_table(pages.table(pages.search_title(cell), item, picked=picked.get(cell)))])
    write_sheet(lambda: _sheet(workload, found, picked), reports / PAGE)
    timed = {cell: item for cell, item in found.items() if item.candidates[0].times_s}
    _offer(timed, request.selection.workloads[0], scripts=scripts)
    for remark in request.remarks:
        note(remark)
    if not timed:
        fail(f"{workload}: nothing could be timed; the table says why", NOTHING)


def _checked(options: Options) -> "Request":
    """The request for one workload, where each place is a single device."""
    from bench.plan.option_values import single_devices
    from bench.plan.request import check

    single_devices(options.device, why="options are searched for on one device")
    request = check(options)
    if len(request.selection.workloads) != 1:
        fail(f"found {options.workload}, expected one; `levelfield list workloads` names them", USAGE)
    if request.selection.serving:
        fail(
            f"--scenario: found {options.scenario}, expected training or inference: a server uses the same options",
            USAGE,
        )
    return request


def _refuse_unwritten(request: "Request") -> None:
    """End before anything is measured if a script would leave out a key of the recipe."""
    from bench.scripts import unwritten

    selection = request.selection
    for contender in selection.contenders if "training" in selection.scenarios else ():
        keys = unwritten(contender.framework, selection.workloads[0].recipe)
        if keys:
            words = " and ".join(f"recipe.{key}" for key in keys)
            fail(f"--scripts: a script for {contender} would leave out {words}; repeat without --scripts", USAGE)


def _sheet(workload: str, found: "Found", picked: "dict[Cell, dict[str, str]]") -> "Sheet":
    from bench.records.environment import machine_name
    from bench.report.page import tuning_sheet

    title = f"Options of {workload}"
    return tuning_sheet.sheet(title, found, picked=picked, source=[f"levelfield tune · {machine_name(None)}"])


def _offer(found: "Found", workload: "Workload", *, scripts: Path | None) -> None:
    """Write the chosen options as scripts, or say how to get them."""
    if scripts is not None:
        for cell, item in found.items():
            _write(cell, item, workload, scripts=scripts)
    elif found:
        say(SCRIPTS)


def _search(request: "Request", *, again: bool, exhaustive: bool) -> "tuple[Found, dict[Cell, dict[str, str]]]":
    """The results of the search, and if exhaustive what it chose.

    The results are then those of the exhaustive search, which times every candidate to the end.
    """
    from bench.plan.cases import cases
    from bench.records.environment import machine_name
    from bench.report import progress
    from bench.run import option_search
    from bench.run.settings import RunSettings

    selection = request.selection
    display = progress.Display(errors, estimates={}, transient=True)
    with TemporaryDirectory(prefix="levelfield-") as folder, display:
        settings = RunSettings(
            run="tune",
            machine=machine_name(None),
            workloads={item.name: item for item in selection.workloads},
            block_seconds=request.suite.block_seconds,
            limit_s=LIMIT_S,
            logs=Path(folder),
            models=None,
            append=lambda _: None,
            listen=lambda event: show_event(display, event),
        )
        found = option_search.search(cases(selection), settings, again=again)
        if not exhaustive:
            return found, {}
        picked = {cell: item.options for cell, item in found.items()}
        return option_search.search(cases(selection), settings, again=True, exhaustive=True), picked


def _write(cell: "Cell", found: "SearchResult", workload: "Workload", *, scripts: Path) -> None:
    """Write the chosen options as a script into the folder."""
    from bench.scripts import Task
    from bench.scripts import write as write_script

    framework, _, backend = cell.contender.partition("/")
    task = Task(
        workload=workload.name,
        framework=framework,
        backend=backend or None,
        device=cell.device,
        precision=cell.precision,
        threads=cell.threads,
        scenario="training" if cell.scenario == "training" else "inference",
        batch_size=cell.batch_size,
        family=workload.family,
        spec=workload.spec,
        recipe=workload.recipe,
        options=found.options,
    )
    text = write_script(task)
    scripts.mkdir(parents=True, exist_ok=True)
    words = (cell.workload, cell.contender, cell.device, cell.precision, cell.scenario, str(cell.batch_size))
    path = scripts / f"{'-'.join(words)}.py".replace("/", "-").replace(":", "-").replace("@", "-")
    path.write_text(text, "utf-8")
    say(f"script: {path}")
