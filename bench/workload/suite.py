"""Reads suites from `bench/suites/*.toml`: named sets of workloads, and how thoroughly each set is measured."""

from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from bench.errors import UsageError
from bench.workload.axes import Precision
from bench.workload.recipe import Positive, Size, from_toml
from bench.workload.toml_errors import meant, read_toml, refuse

SUITES = Path(__file__).parents[1] / "suites"


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Suite:
    """A named set of workloads, and how thoroughly it is measured.

    - `processes`: how many processes time each case;
    - `block_seconds`: the time budget of each timed block in a process, in seconds;
    - `purposes`: which kinds of measurement are made;
    - `precisions`: in which precisions the networks compute;
    - `epochs`: no network trains for more epochs; a shortened workload has no target and no band.
    """

    name: str
    title: str
    workloads: tuple[str, ...]
    frameworks: tuple[str, ...] = ("pytorch", "keras", "flax")
    batch_sizes: tuple[Size, ...] = (1, 32, 256)
    processes: Size = 3
    block_seconds: Positive = 0.3
    epochs: Size | None = None
    precisions: tuple[Precision, ...] = ("fp32",)
    purposes: tuple[Literal["timing", "learning", "memory"], ...] = ("timing", "learning", "memory")


def suite_names() -> tuple[str, ...]:
    """The names of all suites, sorted."""
    return tuple(sorted(path.stem for path in SUITES.glob("*.toml")))


def load_suite(name: str) -> Suite:
    """The suite with this name; raises UsageError if there is no such suite or if its file has a mistake."""
    path = SUITES / f"{name}.toml"
    if name not in suite_names():
        raise UsageError(
            f"--suite: found {name!r}, expected one of {', '.join(suite_names())}{meant(name, suite_names())}"
        )
    try:
        return TypeAdapter(Suite).validate_python(read_toml(path))
    except ValidationError as error:
        refuse(path, "", error, kind=Suite)
