"""The reference pages have every command, key, field, metric and exit code."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

import bench
import reference_pages
from bench.api.columns import OF_COMPARISONS, OF_RUNS
from bench.cli import app, console
from bench.datasets.description import FILES, HELD_OUT, dataset_names
from bench.datasets.tables import Splitting
from bench.errors import PRECEDENCE, BenchError, ExitCode
from bench.records.budget import Budget
from bench.records.record import Record
from bench.records.timing_metrics import METRICS
from bench.records.variable_rules import OVERRULED, REFUSED
from bench.workload import model_families, recipe, update_rules
from bench.workload.suite import Suite
from bench.workload.workload import Outline
from reference_pages import (
    commands,
    environment_variables,
    exit_codes,
    keys,
    markdown,
    metrics,
    python_api,
    records,
    workload_toml,
)

ROOT = Path(__file__).parents[2]
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def rows(page: str) -> Mapping[str, list[str]]:
    """The first cells of all tables, by the heading above them."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in FENCED.sub("", page).splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").replace("`", "")
            assert heading not in found, "Sphinx would number its anchor"
            found[heading] = []
        elif line.startswith("| `"):
            found[heading].append(line.split("`")[1])
    return found


def fields(kind: type) -> list[str]:
    return list(kind.__dataclass_fields__)  # type: ignore[attr-defined]  # every kind here is a dataclass


@pytest.fixture(scope="module")
def toml() -> Mapping[str, list[str]]:
    return rows(workload_toml.page())


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Workload file", Outline),
        ("Suite file", Suite),
        ("Budget", Budget),
        ("Recipe", recipe.Recipe),
        ("AdamW", update_rules.AdamW),
        ("Early stopping", recipe.EarlyStopping),
    ],
)
def test_every_key_of_a_toml_file_is_there(title: str, kind: type, toml: Mapping[str, list[str]]) -> None:
    assert toml[title] == fields(kind)


@pytest.mark.parametrize("family", model_families.family_names())
def test_every_key_of_a_model_is_there(family: str, toml: Mapping[str, list[str]]) -> None:
    spec = model_families.spec_module(family).Spec
    assert toml[f'family = "{family}"'] == [name for name in fields(spec) if name not in workload_toml.decided(family)]
    for kind in keys.tables(spec):
        assert toml[keys.title(kind)] == fields(kind)


@pytest.mark.parametrize("name", [*FILES, *dataset_names()])
def test_every_key_of_a_data_set_is_there(name: str, toml: Mapping[str, list[str]]) -> None:
    choice = f'kind = "{name}"' if name in FILES else f'name = "{name}"'
    kind = workload_toml.options(name)
    shared = toml["Splitting"] if issubclass(kind, Splitting) else []
    assert {*toml[choice], *shared} == {*fields(kind)} - {HELD_OUT}, "a key that comes from the recipe is not listed"


def test_every_field_of_a_record_is_there() -> None:
    found = rows(records.page())
    for kind in (Record, *keys.tables(Record)):
        assert found[keys.title(kind)] == fields(kind)


def test_every_metric_is_there_with_its_formula() -> None:
    found = rows(metrics.page())
    assert found["Time"] == list(METRICS)
    for task, expected in recipe.METRICS.items():
        assert found[task.capitalize()] == list(expected) == list(metrics.formulas(task))


def test_every_name_and_every_column_of_the_python_api_is_there() -> None:
    found = rows(python_api.page())
    for name in {*bench.__all__} - {"__version__"}:
        assert f"bench.{name}" in found
    assert found["bench.Comparison"] == list(python_api.offered(bench.Comparison))
    for owner, frames in (("runs", OF_RUNS), ("comparison", OF_COMPARISONS)):
        for name, (_, columns) in frames.items():
            assert found[f"{owner}.{name}"] == list(columns)
    silent = [kind for kind in python_api.KINDS if not all(python_api.offered(kind).values())]
    assert silent == [], "each property has a docstring"


def test_every_variable_is_there_with_its_effect() -> None:
    found = rows(environment_variables.page())
    assert found["Refused"] == list(dict.fromkeys(rule.name for rule in REFUSED))
    assert found["Without effect"] == list(OVERRULED)


def test_every_exit_code_is_there_with_advice() -> None:
    assert rows(exit_codes.page())["Exit codes"] == [str(code.value) for code in ExitCode]
    assert exit_codes.ADVICE.keys() == {*ExitCode}
    assert list(keys.descriptions(ExitCode)) == [code.name for code in ExitCode]


def test_commands_end_with_the_codes_of_the_page() -> None:
    used = {console.FAILED, console.USAGE, console.INCONCLUSIVE, console.NOTHING, console.INTERRUPTED}
    kinds: tuple[type[BenchError], ...] = (BenchError, *BenchError.__subclasses__())
    used |= {kind.exit_code for kind in kinds}
    assert used <= {*ExitCode}
    assert {*PRECEDENCE, ExitCode.INTERRUPTED} == {*ExitCode}


def test_every_command_is_there_with_every_option() -> None:
    found = rows(commands.page())
    assert {"levelfield", "levelfield run", "levelfield baseline set"} < found.keys()
    assert found.keys() - {"Commands"} == {name for name, _ in commands.commands()}
    for name, command in commands.commands():
        shown = {parameter.opts[0] for parameter in command.params if not parameter.hidden}
        options = {option for option in shown if option.startswith("-")} | {"--help"}
        assert {row.split()[0].rstrip(",") for row in found[name] if row.startswith("-")} == options


def test_a_page_says_what_help_says() -> None:
    printed = CliRunner().invoke(app, ["doctor", "--help"], env={"COLUMNS": "300"}).output
    help_text = " ".join(printed.replace("│", " ").split())
    for group, found in commands.parameters(
        "levelfield doctor", dict(commands.commands())["levelfield doctor"]
    ).items():
        assert group in help_text
        for name, default, words in found:
            assert name.split()[0] in help_text
            assert f"{words} [default: {default.strip('`')}]" if default else words in help_text


def small_program() -> typer.Typer:
    program = typer.Typer(rich_markup_mode="rich")

    @program.callback()
    def options_of_no_command() -> None:
        """Do small things."""

    @program.command(epilog="[bold]Examples[/bold]\n  [dim]# the first[/dim]\n  small seen 1", rich_help_panel="First")
    def seen(
        place: str,
        *,
        plain: str = "a",
        unshown: Annotated[str, typer.Option(hidden=True)] = "b",
        size: Annotated[int, typer.Option(metavar="N", help="How many.", rich_help_panel="What to do")] = 3,
        many: Annotated[int | None, typer.Option(metavar="N", show_default="all of `these`", help="A [list].")] = None,
    ) -> None:
        """Do something."""

    @program.command(hidden=True)
    def unseen() -> None:
        """Do something else."""

    return program


@pytest.fixture
def small() -> Mapping[str, commands.Command]:
    return dict(commands._from("small", typer.main.get_command(small_program())))


def test_hidden_options_and_commands_are_left_out(small: Mapping[str, commands.Command]) -> None:
    assert list(small) == ["small", "small seen"]
    names = [row[0] for group in commands.parameters("small seen", small["small seen"]).values() for row in group]
    assert [name.split()[0].lower() for name in names] == ["place", "--plain", "--many", "--help", "--size"]


def test_options_stand_in_their_groups_with_their_defaults(small: Mapping[str, commands.Command]) -> None:
    groups = commands.parameters("small seen", small["small seen"])
    assert groups["What to do"] == [("--size N", "`3`", "How many.")]
    assert [row[1:] for row in groups["Arguments"]] == [("required", "")]
    assert ("--many N", "all of `these`", "A [list].") in groups["Options"]
    section = commands._section(("small seen", small["small seen"]))
    assert "| What to do | Default | Meaning |" in section
    assert r"A \[list\]." in section


def test_examples_stand_below_a_command(small: Mapping[str, commands.Command]) -> None:
    section = commands._section(("small seen", small["small seen"]))
    assert section.endswith("Examples:\n\n```sh\n# the first\nsmall seen 1\n```")


def test_a_group_links_to_its_commands(small: Mapping[str, commands.Command]) -> None:
    section = commands._section(("small", small["small"]))
    assert "| First | Meaning |\n| --- | --- |\n| [`small seen`](#small-seen) | Do something. |" in section
    assert "Examples" not in section


def test_signs_of_markup_are_shown_as_they_are() -> None:
    assert markdown.text("a <b> *c* [d](e) `<f> *g*`") == r"a \<b> \*c\* \[d\](e) `<f> *g*`"
    assert markdown.table(["a|b"], [["`c|d`"]]) == "| a\\|b |\n| --- |\n| `c\\|d` |"


def test_the_pages_are_written_and_left_alone_while_they_are_the_same(tmp_path: Path) -> None:
    reference_pages.write(tmp_path)
    assert {path.stem for path in tmp_path.glob("*.md")} == {*reference_pages.PAGES}
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    (tmp_path / "records.md").write_text("old")
    reference_pages.write(tmp_path)
    changed = [path.stem for path, time in written.items() if path.stat().st_mtime_ns != time]
    assert changed == ["records"]


@pytest.mark.parametrize("name", reference_pages.PAGES)
def test_the_page_in_the_folder_is_the_generated_one(name: str) -> None:
    stored = (ROOT / "docs" / "reference" / f"{name}.md").read_text("utf-8")
    assert stored == reference_pages.PAGES[name](), "run `nox -s docs`, which writes the pages, and commit them"
