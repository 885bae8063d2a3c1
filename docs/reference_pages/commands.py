"""The page of the command line, from the commands that Typer builds: the same that `--help` shows."""

from collections.abc import Iterable, Iterator
from typing import Any

import typer

from bench.cli import app
from reference_pages import markdown
from reference_pages.markdown import code, heading, table, text

PROGRAM = "levelfield"
ARGUMENTS, OPTIONS = "Arguments", "Options"

Command = Any  # Typer keeps the classes of its commands and parameters to itself

INTRODUCTION = """\
Each command also explains itself: `levelfield run --help`.
Options of one command may be given in any order. A word in capital letters stands for a value.
The [exit codes](exit-codes.md) are the same for all commands."""


def page() -> str:
    """The page: every command with its usage, its arguments and its options."""
    return markdown.page(heading(1, "Commands"), INTRODUCTION, *map(_section, commands()))


def commands() -> list[tuple[str, Command]]:
    """Every command that can be run, with its whole name: `levelfield baseline set`."""
    return list(_below(PROGRAM, typer.main.get_command(app)))


def parameters(name: str, command: Command) -> dict[str, list[tuple[str, str, str]]]:
    """Name, default and help of every parameter of a command, by group. Hidden parameters are left out."""
    context = typer.Context(command, info_name=name)
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            usual = ARGUMENTS if parameter.param_type_name == "argument" else OPTIONS
            group = getattr(parameter, "rich_help_panel", None) or usual
            groups.setdefault(group, []).append(_row(*record))
    return groups


def _below(name: str, command: Command) -> Iterator[tuple[str, Command]]:
    inner: dict[str, Command] = getattr(command, "commands", {})
    if not inner:
        yield name, command
    for word, item in inner.items():
        if not item.hidden:
            yield from _below(f"{name} {word}", item)


def _section(item: tuple[str, Command]) -> str:
    name, command = item
    usage = command.get_usage(typer.Context(command, info_name=name)).removeprefix("Usage: ")
    groups = parameters(name, command)
    return markdown.page(
        heading(2, code(name)),
        markdown.paragraphs(command.help or ""),
        f"```text\n{' '.join(usage.split())}\n```",
        *(_group(title, rows) for title, rows in groups.items()),
    ).rstrip()


def _group(title: str, rows: Iterable[tuple[str, str, str]]) -> str:
    cells = ((code(name), code(default) if default else "", text(words)) for name, default, words in rows)
    return table((title, "Default", "Meaning"), cells)


def _row(name: str, words: str) -> tuple[str, str, str]:
    """Name, default and help, from a line of `--help`, which ends with `[default: VALUE]` or with `[required]`."""
    found, bracket, remark = f"  {words}".rpartition("  [")
    if not bracket:
        return name, "", words
    remark = remark.removesuffix("]").removeprefix("default: ")
    return name, remark.removeprefix("(").removesuffix(")"), found.strip()
