"""The page of the Python API: what is called, what it returns, and every column of every frame."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

from bench.api.charts import Chart, Picture
from bench.api.columns import OF_COMPARISONS, OF_RUNS, Columns
from bench.api.comparison import Comparison, compare
from bench.api.loading import load
from bench.api.runs import Runs
from reference_pages import markdown
from reference_pages.markdown import code, heading, table, text

INTRODUCTION = """\
`import bench` offers stored runs to notebooks and programs. It starts fast: pandas and Altair are imported when a frame
or a chart is used. [The guide](../how-to/notebook.md) shows how they are used.

Every error is a `bench.errors.BenchError`. Its message says where, what was found and expected, and what to do."""

FRAMES = """\
Names end in their unit: `_s` is seconds, `_ns` is nanoseconds, `_bytes` is bytes. A value that is not known is missing,
never 0. Types are those of pandas. `runs.describe(NAME)` shows the same in a notebook."""

KINDS = (Runs, Chart, Picture, Comparison)


def page() -> str:
    """The page: functions, classes with what they offer, and frames with their columns."""
    return markdown.page(
        heading(1, "Python"),
        INTRODUCTION,
        _function(load),
        _function(compare),
        *map(_kind, KINDS),
        heading(2, "Columns"),
        FRAMES,
        *_frames("runs", OF_RUNS),
        *_frames("comparison", OF_COMPARISONS),
    )


def offered(kind: type) -> dict[str, str]:
    """The properties and methods of a class, each with its docstring."""
    members = {name: item for name, item in vars(kind).items() if not name.startswith("_")}
    properties = [name for name, item in members.items() if isinstance(item, property | cached_property)]
    methods = [name for name, item in members.items() if inspect.isfunction(item)]
    shown = {**{name: name for name in properties}, **{f"{name}()": name for name in methods}}
    return {name: inspect.getdoc(members[member]) or "" for name, member in shown.items()}


def _function(function: Callable[..., object]) -> str:
    parameters = ",\n".join(f"    {item}" for item in _parameters(function))
    call = f"```python\nbench.{function.__name__}(\n{parameters},\n)\n```"
    return markdown.page(
        heading(2, f"bench.{function.__name__}"), call, markdown.paragraphs(inspect.getdoc(function) or "")
    ).rstrip()


def _parameters(function: Callable[..., object]) -> Iterator[str]:
    """The parameters with their defaults; the types are in the code."""
    keyword = False
    for item in inspect.signature(function).parameters.values():
        if item.kind is item.KEYWORD_ONLY and not keyword:
            keyword = True
            yield "*"
        yield str(item.replace(annotation=item.empty))


def _kind(kind: type) -> str:
    return markdown.page(
        heading(2, f"bench.{kind.__name__}"),
        markdown.paragraphs(inspect.getdoc(kind) or ""),
        table(
            ("Name", "Meaning"), ((code(name), text(" ".join(words.split()))) for name, words in offered(kind).items())
        ),
    ).rstrip()


def _frames(owner: str, frames: Mapping[str, tuple[str, Columns]]) -> Iterator[str]:
    for name, (row, columns) in frames.items():
        rows = ((code(column), item.type, text(item.meaning)) for column, item in columns.items())
        yield heading(3, f"{owner}.{name}")
        yield markdown.page(row, table(("Column", "Type", "Meaning"), rows)).rstrip()
