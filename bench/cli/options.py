"""The command line's options, made from the fields of `bench.plan.options.Options`."""

from collections.abc import Callable
from dataclasses import Field, fields
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any, get_args, get_type_hints

import typer

from bench.cli.completion import COMPLETIONS
from bench.plan.options import Help, Options

Command = Callable[..., None]


def as_option(name: str, about: Help, parser: Callable[[str], Any] | None = None) -> Any:  # noqa: ANN401 (as typer has it)
    """The typer option of this name; a flag has no value, and nothing stands for it in `--help`.

    `parser` makes the value from the text.
    """
    return typer.Option(
        f"--{name.replace('_', '-')}",
        metavar=about.metavar or "",
        help=about.text,
        hidden=about.hidden,
        rich_help_panel=about.group,
        show_default=True if about.shown is None else about.shown,
        autocompletion=COMPLETIONS.get(name),
        parser=parser,
    )


def with_options(command: Command) -> Command:
    """The command with one option for each field of `Options`, in the place of its parameter `options`."""
    hints = get_type_hints(Options, include_extras=True)
    added = {field.name: _parameter(field, hints[field.name]) for field in fields(Options)}
    own = signature(command, eval_str=True).parameters
    parameters: list[Parameter] = []
    for name, parameter in own.items():
        parameters += added.values() if name == "options" else [parameter]

    @wraps(command)
    def asked(**given: Any) -> None:  # noqa: ANN401 (the values of options)
        options = Options(**{name: given.pop(name) for name in added})
        command(options=options, **given)

    asked.__signature__ = signature(command).replace(parameters=parameters)  # type: ignore[attr-defined]  # typer asks for it
    asked.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return asked


def _parameter(field: Field[Any], hint: Any) -> Parameter:  # noqa: ANN401 (a type)
    kind, about = get_args(hint)
    annotation = Annotated[kind, as_option(field.name, about)]  # type: ignore[valid-type]  # it is known when it runs
    return Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=annotation)
