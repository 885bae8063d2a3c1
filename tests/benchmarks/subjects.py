"""The frameworks (those that are installed) and the networks of the benchmarks."""

import os
from pathlib import Path
from typing import Any

from bench.workload import frameworks
from bench.workload.frameworks import Contender
from bench.workload.workload import Workload, load_workload, outlines, parse_workload

INSTALLED = [contender for contender in frameworks.every_contender() if frameworks.is_installed(contender)]
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

DIGITS = load_workload("digits-dnn")
WIDE = parse_workload(
    {
        "name": "wide-dnn",
        "dataset": {"name": "synthetic", "shape": [784], "classes": 10},
        "model": {"family": "dnn", "hidden": [{"units": 1000}, {"units": 1000}]},
        "recipe": {"optimizer": {"name": "adam"}, "batch_size": 128, "epochs": 1},
    },
    source=Path(__file__),
)


def workload_of(family: str) -> Workload:
    """The workload of a model family: the one on digits if there is one, else the first of the catalogue."""
    names = [outline.name for outline in outlines() if outline.model["family"] == family]
    on_digits = f"digits-{family}"
    return load_workload(on_digits if on_digits in names else names[0])


def job(contender: Contender, workload: Workload, **what: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    """A job for a worker process: prepare the workload in one framework, and then do `what`."""
    return {
        "framework": contender.framework,
        "device": "cpu",
        "threads": THREADS,
        "workload": workload.content,
        "source": workload.source,
        **what,
    }
