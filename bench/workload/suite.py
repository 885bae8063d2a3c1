"""Reads suites from `bench/suites/*.toml`: named sets of workloads, and how thoroughly each set is measured."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from bench.errors import UsageError, unknown
from bench.workload.axes import Precision
from bench.workload.toml_errors import read_toml, refuse
from bench.workload.toml_types import Size, from_toml
from bench.workload.workload_files import workload_names

SUITES = Path(__file__).parents[1] / "suites"


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Suite:
    """A named set of workloads, and how thoroughly they are measured.

    Attributes:
        name: The name of the suite.
        title: One line that describes the suite.
        workloads: The names of the workloads.
        frameworks: The frameworks that are measured. `--framework` replaces them.
        batch_sizes: The batch sizes of inference. `--batch-size` replaces them.
        processes: How many fresh processes time each case. `--processes` replaces this number.
        block_seconds: The largest number of seconds that one block of timings takes in a process.
        epochs: The largest number of epochs. A workload with more epochs is cut to this number. It loses its target and
            its expected range.
        precisions: The precisions. `--precision` replaces them.
        purposes: What is measured: time, quality or memory. `--purpose` replaces these.
    """

    name: str
    title: str
    workloads: Annotated[tuple[str, ...], Field(min_length=1)]
    frameworks: Annotated[tuple[str, ...], Field(min_length=1)] = ("pytorch", "keras", "flax")
    batch_sizes: Annotated[tuple[Size, ...], Field(min_length=1)] = (1, 32, 256)
    processes: Size = 3
    block_seconds: Annotated[float, Field(gt=0, le=3600, strict=True)] = 0.3
    epochs: Size | None = None
    precisions: Annotated[tuple[Precision, ...], Field(min_length=1)] = ("fp32",)
    purposes: Annotated[tuple[Literal["timing", "learning", "memory"], ...], Field(min_length=1)] = (
        "timing",
        "learning",
        "memory",
    )


def suite_names() -> tuple[str, ...]:
    """The names of all suites, sorted."""
    return tuple(sorted(path.stem for path in SUITES.glob("*.toml")))


def load_suite(name: str) -> Suite:
    """The suite with this name; raises UsageError if there is no such suite or if its file has a mistake."""
    path = SUITES / f"{name}.toml"
    if name in workload_names():
        raise UsageError(f"--suite: found {name!r}, which is the name of a workload: use `levelfield run {name}`")
    if name.endswith(".toml"):
        known = ", ".join(suite_names())
        raise UsageError(
            f"--suite: found {name!r}, which is a file, expected one of {known}: a workload of your own is measured "
            f"with `levelfield run {name}`"
        )
    if name not in suite_names():
        raise UsageError(f"--suite: {unknown([name], suite_names())}")
    try:
        found = TypeAdapter(Suite).validate_python(read_toml(path))
    except ValidationError as error:
        refuse(path, "", error, kind=Suite)
    if strange := [item for item in found.workloads if item not in workload_names()]:
        raise UsageError(f"{path}: workloads: {unknown(strange, workload_names())}")
    return found
