"""The page of the command line, from the commands that Typer builds: the same that `--help` shows."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import typer

from bench.cli import app
from reference_pages import markdown
from reference_pages.markdown import code, heading, table, text

PROGRAM = "levelfield"
ARGUMENTS, OPTIONS, COMMANDS = "Arguments", "Options", "Commands"
COLOUR = re.compile(r"\[/?(?:bold|dim)\]")

Command = Any  # Typer keeps the classes of its commands and parameters to itself

INTRODUCTION = """\
Each command also explains itself: `levelfield run --help`.
Options of one command may be given in any order. A word in capital letters stands for a value.
The [exit codes](exit-codes.md) are the same for all commands."""


def page() -> str:
    """The page: every command with its usage, arguments, options and examples."""
    return markdown.page(heading(1, "Commands"), INTRODUCTION, *map(_section, commands()))


def commands() -> list[tuple[str, Command]]:
    """The program itself, every group of commands and every command, with its whole name: `levelfield baseline set`."""
    return list(_from(PROGRAM, typer.main.get_command(app)))


def parameters(name: str, command: Command) -> dict[str, list[tuple[str, str, str]]]:
    """Name, default in Markdown, and help of every parameter of a command, by group. Hidden ones are left out."""
    context = typer.Context(command, info_name=name)
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for parameter in command.get_params(context):
        shown = parameter.get_help_record(context)
        if shown is not None:
            is_argument = parameter.param_type_name == "argument"
            group = getattr(parameter, "rich_help_panel", None) or (ARGUMENTS if is_argument else OPTIONS)
            groups.setdefault(group, []).append(
                _row(shown[0].partition(" <")[0] if is_argument else shown[0], shown[1])
            )
    return groups


def _from(name: str, command: Command) -> Iterator[tuple[str, Command]]:
    yield name, command
    for word, inner in _inner(command).items():
        yield from _from(f"{name} {word}", inner)


def _inner(command: Command) -> dict[str, Command]:
    """The commands of a group, without hidden ones; none for a command that is no group."""
    return {word: inner for word, inner in getattr(command, "commands", {}).items() if not inner.hidden}


def _section(item: tuple[str, Command]) -> str:
    name, command = item
    usage = command.get_usage(typer.Context(command, info_name=name)).removeprefix("Usage: ")
    return markdown.page(
        heading(2, code(name)),
        markdown.paragraphs(command.help or ""),
        f"```text\n{' '.join(usage.split())}\n```",
        *(_group(title, rows) for title, rows in parameters(name, command).items()),
        *_summaries(name, command),
        _examples(command.epilog or ""),
    ).rstrip()


def _summaries(name: str, command: Command) -> Iterator[str]:
    """A table for each panel of the commands of a group, with links."""
    panels: dict[str, list[tuple[str, str]]] = {}
    for word, inner in _inner(command).items():
        whole = f"{name} {word}"
        panel = inner.rich_help_panel if isinstance(inner.rich_help_panel, str) else COMMANDS
        link = f"[{code(whole)}](#{markdown.anchor(whole)})"
        panels.setdefault(panel, []).append((link, text(inner.get_short_help_str(limit=1000))))
    return (table((panel, "Meaning"), rows) for panel, rows in panels.items())


def _examples(epilog: str) -> str:
    """The examples below the options of `--help`, without the marks for colours."""
    lines = [line.strip() for line in COLOUR.sub("", epilog).splitlines()]
    return "Examples:\n\n```sh\n" + "\n".join(lines[1:]) + "\n```" if lines else ""


def _group(title: str, rows: Iterable[tuple[str, str, str]]) -> str:
    return table((title, "Default", "Meaning"), ((code(name), default, text(words)) for name, default, words in rows))


def _row(name: str, words: str) -> tuple[str, str, str]:
    """Name, default in Markdown, and help, from a line of `--help`. `[default: VALUE]` or `[required]` may end it."""
    found, bracket, remark = f"  {words}".rpartition("  [")
    return (name, _default(remark.removesuffix("]")), found.strip()) if bracket else (name, "", words)


def _default(remark: str) -> str:
    """The default as code. A default in words stands in parentheses there, and is no code."""
    value = remark.removeprefix("default: ")
    if value == remark:
        return text(remark)
    return text(value[1:-1]) if value.startswith("(") else code(value)
