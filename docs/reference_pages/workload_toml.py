"""The page of all TOML files: workloads, with their models and data sets, suites and budgets."""

import inspect
import sys
from collections.abc import Iterator
from importlib import import_module

from bench.datasets.description import FILES, HELD_OUT, dataset_names
from bench.datasets.tables import Splitting
from bench.records.budget import Budgets
from bench.workload import model_families
from bench.workload.suite import Suite
from bench.workload.workload import Outline
from bench.workload.workload_files import WORKLOADS
from reference_pages import keys, markdown
from reference_pages.key_tables import section
from reference_pages.keys import TOML
from reference_pages.markdown import code, heading

EXAMPLE = "digits-cnn.toml"
A_SHAPE = (8, 8)  # of a sample that every family takes

INTRODUCTION = """\
Levelfield reads three kinds of TOML files: [workloads](#workload-file), [suites](#suite-file) and
[budgets](#budget-file). A key that is not listed here is an error. The message names the file, the key, the value
that was found and the values that are allowed."""

WORKLOAD = """\
`levelfield run --workload my.toml` reads a file of your own. `levelfield list workloads` lists the workloads that
come with Levelfield. This is one of them:"""

MODELS = """\
`family` in the table `[model]` chooses the network. The other keys of `[model]` depend on the family. The data set
decides the sizes of the input and of the output, so no file sets them. A path such as `"./my-net"`, relative to this
file, chooses a [network of your own](../how-to/own-network.md): its keys are the fields of its `Spec`."""

DATA_SETS = """\
`name` in the table `[dataset]` chooses a data set that comes with Levelfield. `kind` chooses data of your own
instead: a table (`csv`, `parquet`), a series, arrays (`npz`), images, or MNIST's format (`idx`). The other keys of
`[dataset]` depend on that choice."""

SPLITTING = "The keys of [Splitting](#splitting) are allowed as well. The table shows those with another default."

SUITE = "A suite is a file in `bench/suites/`. `levelfield run --suite NAME` measures its workloads."

BUDGET = (
    "`levelfield check FILE` checks a run against the budgets of a file. Exit code 3 means that a budget is broken."
)


def page() -> str:
    """The page: every key of every TOML file."""
    return markdown.page(
        heading(1, "TOML files"),
        INTRODUCTION,
        section(Outline, TOML, level=2, title="Workload file", text=_workload()),
        *_tables(Outline),
        *_models(),
        *_data_sets(),
        section(Suite, TOML, level=2, title="Suite file", text=SUITE),
        section(Budgets, TOML, level=2, title="Budget file", text=BUDGET),
        *_tables(Budgets),
    )


def decided(family: str) -> set[str]:
    """The keys of a family's spec that the data set decides."""
    return {*model_families.spec_module(family).sizes(A_SHAPE), "outputs"}


def options(name: str) -> type:
    """The keys of a data set, or of a kind of file."""
    kind: type = import_module(f"bench.datasets.{name.replace('-', '_')}").Options
    return kind


def _workload() -> str:
    example = (WORKLOADS / EXAMPLE).read_text("utf-8")
    return f"{WORKLOAD}\n\n```{{code-block}} toml\n:caption: {EXAMPLE}\n\n{example}```"


def _tables(kind: type) -> Iterator[str]:
    return (section(inner, TOML, level=3) for inner in keys.tables(kind))


def _models() -> Iterator[str]:
    yield heading(2, "Models")
    yield MODELS
    layers: dict[type, None] = {}
    for family in model_families.family_names():
        spec = model_families.spec_module(family).Spec
        yield section(spec, TOML, level=3, title=code(f'family = "{family}"'), without=decided(family))
        layers |= dict.fromkeys(keys.tables(spec))
    yield from (section(kind, TOML, level=3) for kind in layers)


def _data_sets() -> Iterator[str]:
    yield heading(2, "Data sets")
    yield DATA_SETS
    yield from (_data_set(name, f'kind = "{name}"') for name in FILES)
    yield from (_data_set(name, f'name = "{name}"') for name in dataset_names())
    yield section(Splitting, TOML, level=3, without={HELD_OUT})


def _data_set(name: str, choice: str) -> str:
    """A data set with its own keys. Those that every table of rows has stand in a section of their own."""
    kind = options(name)
    inherited = Splitting.__dataclass_fields__.keys() - inspect.get_annotations(kind)
    is_table = issubclass(kind, Splitting)
    about = "" if name in FILES else (inspect.getdoc(sys.modules[kind.__module__]) or "").partition("\n\n")[0]
    text = "\n\n".join(filter(None, (*map(markdown.paragraphs, (about, keys.summary(kind))), SPLITTING * is_table)))
    return section(
        kind, TOML, level=3, title=code(choice), text=text, without={HELD_OUT, *(inherited if is_table else ())}
    )
