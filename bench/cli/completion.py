"""What the shell offers after Tab: names of workloads, suites, frameworks and runs, options' words, TOML files."""

from collections.abc import Callable, Iterable
from glob import escape
from pathlib import Path
from typing import get_args

import typer

Completion = Callable[[str], list[str]]


def of_words(words: Callable[[], Iterable[str]]) -> Completion:
    """A completion of comma-separated words: the last one is completed, and none is offered twice."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        used = before.split(",")
        return [f"{before}{comma}{word}" for word in words() if word.startswith(last) and word not in used]

    return complete


def workloads(incomplete: str) -> list[str]:
    """Names of the catalogue, and TOML files and folders below the current one."""
    from bench.workload.workload_files import workload_names

    before, comma, last = incomplete.rpartition(",")
    found = sorted(Path().glob(f"{escape(last)}*")) if last and not Path(last).is_absolute() else []
    files = [f"{path.as_posix()}/" if path.is_dir() else path.as_posix() for path in found if _is_offered(path)]
    return [*of_words(workload_names)(incomplete), *(f"{before}{comma}{file}" for file in files)]


def workloads_or_runs(context: typer.Context, incomplete: str) -> list[str]:
    """Workloads, or with --resume stored runs."""
    return runs(context, incomplete) if context.params.get("resume") else workloads(incomplete)


def baselines(context: typer.Context, incomplete: str) -> list[str]:
    """Stored runs, and the word `baseline`."""
    return [*(word for word in ("baseline",) if word.startswith(incomplete)), *runs(context, incomplete)]


def runs(context: typer.Context, incomplete: str) -> list[str]:
    """The ids of stored runs, the newest first, and `latest`."""
    from bench.records import store

    folder = Path(context.params.get("results") or "results")
    found = [run.name for run in store.runs(folder)] if folder.is_dir() else []
    return [name for name in ("latest", *found) if name.startswith(incomplete)]


def models(context: typer.Context, incomplete: str) -> list[str]:
    """The folders of saved models and their tags."""
    from bench.records import model_versions

    found = model_versions.names(Path(context.params.get("results") or "results"))
    return [name for name in found if name.startswith(incomplete)]


def _is_offered(path: Path) -> bool:
    return path.suffix == ".toml" or (path.is_dir() and not path.name.startswith("."))


def _frameworks() -> Iterable[str]:
    from bench.workload.frameworks import every_contender

    return ("all", "keras", *map(str, every_contender()))


def _suites() -> Iterable[str]:
    from bench.workload.suite import suite_names

    return suite_names()


def _axis(name: str) -> Callable[[], Iterable[str]]:
    def words() -> Iterable[str]:
        from bench.workload import axes

        return [word for word in get_args(getattr(axes, name)) if word != "fp64"]  # fp64 is for proofs

    return words


COMPLETIONS: dict[str, Completion] = {
    "suite": of_words(_suites),
    "workload": workloads,
    "framework": of_words(_frameworks),
    "device": of_words(lambda: ("cpu", "cuda")),
    "batch_size": of_words(lambda: ("auto",)),
    "scenario": of_words(lambda: (*_axis("Scenario")(), *_axis("Load")())),
    "purpose": of_words(lambda: [word for word in _axis("Purpose")() if word != "serving"]),  # comes with a scenario
} | {name: of_words(_axis(name.title())) for name in ("mode", "precision", "feed")}
