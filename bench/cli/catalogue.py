"""What there is to choose from, as tables: workloads, suites, frameworks, data sets."""

from collections.abc import Callable, Iterable

from bench.datasets import description
from bench.report.layout import Column, Entry, Table, left
from bench.workload import frameworks
from bench.workload.suite import load_suite, suite_names
from bench.workload.workload import load_workload, outlines
from bench.workload.workload_files import workload_names


def workloads() -> Table:
    """Every workload of the catalogue."""
    rows = [
        (item.name, item.model["family"], item.dataset["name"], item.recipe.batch_size, item.recipe.epochs, item.title)
        for item in outlines()
    ]
    return _table("Workloads", ("workload", "family", "data set", "batch", "epochs", "what it is"), rows)


def suites() -> Table:
    """Every suite."""
    rows = [
        (item.name, ", ".join(item.workloads), ", ".join(item.frameworks), item.processes, item.title)
        for item in map(load_suite, suite_names())
    ]
    return _table("Suites", ("suite", "workloads", "frameworks", "processes", "what it is"), rows)


def contenders() -> Table:
    """Every framework with every backend, installed or not."""
    rows = []
    for item in frameworks.every_contender():
        _, problems = frameworks.choose((str(item),))
        found = ", ".join(f"{name} {number}" for name, number in frameworks.versions(item).items())
        rows.append((str(item), "no" if problems else "yes", problems[0].partition(": ")[2] if problems else found))
    return _table("Frameworks", ("framework", "installed", "versions, or how to install it"), rows)


def datasets() -> Table:
    """Every data set, as the workloads of the catalogue use it."""
    every = [item for item in map(load_workload, workload_names()) if "shape" not in item.dataset]
    described = {item.description.name: item.description for item in every}
    rows = []
    for name in description.dataset_names():
        found = described.get(name)
        shape = "×".join(map(str, found.sample_shape)) if found else "any"
        sizes = (found.train, found.test) if found else ("any", "any")
        rows.append((name, found.task if found else "any", shape, *sizes, found.source if found else "generated"))
    return _table("Data sets", ("data set", "task", "sample", "training", "test", "source"), rows)


def _table(title: str, headings: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    entries = tuple(tuple(Entry(str(cell)) for cell in row) for row in rows)
    numeric = {"batch", "epochs", "processes", "training", "test"}
    columns = tuple(Column(title=name) if name in numeric else left(name)[0] for name in headings)
    return Table(title=title, columns=columns, rows=entries)


LISTS: dict[str, Callable[[], Table]] = {
    "workloads": workloads,
    "frameworks": contenders,
    "datasets": datasets,
    "suites": suites,
}
