"""`levelfield models`: the networks that runs have saved, and the tags that say which one is used for what."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import completion
from bench.cli.console import NOTHING, Results, fail, one_of, say, show, warn, write
from bench.cli.options import as_option
from bench.cli.stored_runs import named, options_of
from bench.plan.options import Help

if TYPE_CHECKING:
    from bench.records.model_versions import ModelVersion

app = typer.Typer(
    help="List, show and tag the networks that `levelfield run --save-models` has kept.",
    no_args_is_help=True,
)

FORMATS = ("terminal", "markdown", "json")
Format = Annotated[str, as_option("format", Help(f"How it is printed: {', '.join(FORMATS)}.", "NAME"))]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A model: its folder, the name of this folder, how its digest begins, a tag, or TAG@WORKLOAD.",
        autocompletion=completion.models,
    ),
]


@app.command(name="list")
def list_(
    *,
    workload: Annotated[
        str | None, as_option("workload", Help("Only models of this workload.", "NAME", shown="all"))
    ] = None,
    tag: Annotated[str | None, as_option("tag", Help("Only models with this tag.", "TAG", shown="all"))] = None,
    form: Format = "terminal",
    results: Results = Path("results"),
) -> None:
    """List saved models, the newest first: their quality, their proof, and their tags."""
    from bench.export import json
    from bench.records import model_versions
    from bench.report import markdown, terminal
    from bench.report import model_versions as tables

    one_of("--format", form, FORMATS)
    known = model_versions.every(results, warn=warn, workload=workload)
    found = [item for item in known if tag is None or tag in item.tags]
    if not found:
        fail(f"{named(results)}: {_none(workload, tag)}", NOTHING)
    table = tables.table(found, title=f"Saved models in {named(results)}")
    if form == "json":
        write(json.text(tables.brief_json(found)))
    elif form == "markdown":
        write(f"{markdown.render_table(table)}\n")
    else:
        show([terminal.render_table(table)])


@app.command(name="show")
def show_(model: Model, *, form: Format = "terminal", results: Results = Path("results")) -> None:
    """Show a saved model: network, data, recipe, quality, certificate, and the run that trained it."""
    from bench.export import json
    from bench.records import model_versions
    from bench.report import markdown, terminal
    from bench.report import model_versions as tables

    one_of("--format", form, FORMATS)
    found = model_versions.find(results, model, warn=warn)
    command = _command(found)
    if form == "json":
        write(json.text(tables.as_json(found, command=command)))
        return
    page = tables.report(found, command=command)
    if form == "markdown":
        write(markdown.render(page))
    else:
        show(terminal.render(page))


@app.command(name="tag")
def tag_(
    model: Model,
    tags: Annotated[list[str], typer.Argument(metavar="TAG", help="Names such as `production`.")],
    *,
    remove: Annotated[bool, as_option("remove", Help("Take these tags from the model."))] = False,
    results: Results = Path("results"),
) -> None:
    """Tag a saved model, or with --remove take tags from it.

    A tag names one model of a workload: if another one has it, the tag is moved.
    """
    from bench.records import model_tags, model_versions

    names = list(dict.fromkeys(tags))
    model_tags.check(names)
    found = model_versions.find(results, model, warn=warn)
    if remove:
        model_tags.remove(results, found.folder, names)
        say(f"{found.folder}: {', '.join(names)} removed")
        return
    moved = model_versions.tag(results, found, names)
    for name in names:
        before = f", moved from {moved[name]}" if name in moved else ""
        say(f"{found.folder}: tagged {name}{before}")


def _none(workload: str | None, tag: str | None) -> str:
    """That no model was found, and how to get one."""
    if workload is None and tag is None:
        return "no saved models yet; train with `levelfield run --save-models`"
    asked = [f"of workload {workload!r}"] if workload is not None else []
    asked += [f"with the tag {tag!r}"] if tag is not None else []
    return f"found no saved model {' '.join(asked)}; `levelfield models list` shows all"


def _command(model: "ModelVersion") -> str | None:
    """The command of the run that trained the model; None if its plan is missing, or of another version."""
    from bench.errors import BenchError

    if model.run is None or not model.run.plan.is_file():
        return None
    try:
        return options_of(model.run, model.run.load_plan()).command()
    except BenchError:
        return None
