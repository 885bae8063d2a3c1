"""`levelfield init`: writes a workload for data of your own, or a network of your own with its workload."""

import re
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import USAGE, errors, fail, note, one_of, say, show
from bench.cli.options import as_option
from bench.errors import DataError, UsageError
from bench.plan.options import Help

app = typer.Typer(help="Write a workload for data or a network of your own.", no_args_is_help=True)

KINDS = ("table", "series")
NEW_MODEL = Path(__file__).parent / "new_model"  # the files of a new network, each with .txt behind its name


@app.callback()
def init() -> None:
    """Write a workload for data or a network of your own."""


@app.command("data")
def data(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A table (.csv, .tsv, .txt, .parquet), arrays (.npz), or a folder with images or IDX files.",
            show_default=False,
        ),
    ],
    *,
    target: Annotated[
        str | None,
        as_option("target", Help("The column or the array to predict.", "NAME", shown="a usual name, or the last one")),
    ] = None,
    kind: Annotated[
        str | None,
        as_option(
            "kind", Help("table: rows are samples. series: rows in the order of time.", "NAME", shown="as it looks")
        ),
    ] = None,
    output: Annotated[
        Path | None, as_option("output", Help("The file to write.", "FILE", shown="the name of FILE, with .toml"))
    ] = None,
) -> None:
    """Look at a file of your own, and write a workload for it: a TOML file with what was found."""
    from bench.datasets.own_files import facts
    from bench.workload.workload_files import workload_names

    if kind is not None:
        one_of("--kind", kind, KINDS)
    name = _name(file, workload_names())
    place = output or Path(f"{name}.toml")
    _check_place(place)
    question = {
        "question": "new",
        "path": str(file.absolute()),
        "relative": _relative(file, place),
        "name": name if output is None else _name(output, workload_names()),
        "target": target,
        "kind": kind,
    }
    with errors.status(f"reading {file.name}"):
        answer = facts.ask(question)
    try:
        place.write_text(answer["text"], "utf-8")
    except OSError as error:
        fail(f"--output: {place}: cannot be written ({error.strerror})", USAGE)
    for line in answer["decided"]:
        say(line)
    _show(place)
    say(f"wrote {place}; next:\n  levelfield show {place}\n  levelfield run {place}")


@app.command("model")
def model(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Lower-case letters, digits and hyphens.", show_default=False),
    ],
) -> None:
    """Write a network of your own in PyTorch, Keras and Flax: a folder, and a workload that trains it.

    It is a small residual network on handwritten digits, which is proven equal as it is. Edit it from there.
    """
    from bench.workload.grid_variants import PATTERN
    from bench.workload.workload_files import workload_names

    if not re.fullmatch(PATTERN, name) or "@" in name or name in workload_names():  # @ is for variants of a grid
        why = "which is a workload of the catalogue" if name in workload_names() else "which is no name of a workload"
        fail(f"NAME: found {name!r}, {why}; expected lower-case letters, digits and hyphens, such as unet", USAGE)
    folder, workload = Path(name), Path(f"{name}.toml")
    there = [str(place) for place in (folder, workload) if place.exists()]
    if there:
        fail(f"{' and '.join(there)} is there already, expected none; choose another name, or delete it", USAGE)
    try:
        folder.mkdir()
        for source in sorted(NEW_MODEL.glob("*.txt")):
            place = workload if source.stem == "workload.toml" else folder / source.stem
            place.write_text(source.read_text("utf-8").replace("@NAME@", name), "utf-8")
    except OSError as error:
        fail(f"{error.filename}: cannot be written ({error.strerror})", USAGE)
    files = ", ".join(sorted(path.name for path in folder.iterdir()))
    say(f"wrote {folder}/ ({files}) and {workload}; next:\n  levelfield verify {workload}\n  levelfield run {workload}")


def _check_place(place: Path) -> None:
    """Fail for a file that is there already, and for a name that no workload can have."""
    if place.suffix != ".toml":
        fail(f"--output: found {place.name!r}, expected a name that ends in .toml", USAGE)
    if place.exists():
        fail(f"--output: {place} is there already, expected a new file; name another one, or delete it", USAGE)


def _show(place: Path) -> None:
    """Print what became of each column; fail if the workload needs an edit."""
    from bench.cli import workload_tables
    from bench.report import terminal
    from bench.workload.workload import load_workload

    try:
        workload = load_workload(str(place))
    except (DataError, UsageError) as error:
        fail(f"wrote {place}, which needs an edit: {error}", USAGE)
    if workload.description.columns:
        show(["", terminal.render_table(workload_tables.columns(workload)), ""])
    for remark in workload.description.remarks:
        note(f"note: {remark}")


def _name(path: Path, known: tuple[str, ...]) -> str:
    """A name for a workload, made of the name of a file; no name of the catalogue."""
    found = re.sub(r"[^a-z0-9]+", "-", path.stem.casefold()).strip("-") or "mine"
    return f"my-{found}" if found in known or not found[0].isalpha() else found


def _relative(file: Path, place: Path) -> str:
    """The path of the data as the TOML file has it: relative, if the data is below its folder."""
    folder, found = place.absolute().parent, file.absolute()
    return found.relative_to(folder).as_posix() if found.is_relative_to(folder) else str(found)
