"""Defines cells, the keys of figures and verdicts.

The keys of the matrix differ:
- A `Case` (`bench.records.record`) is one process: it has a purpose, a replicate, a seed, and all its batch sizes.
- A `Cell` is one batch size that several processes time. Figures, verdicts and searches for options have this key.
- A `Lane` (`bench.report.results`) is a row of a table: a framework with device, mode, precision and threads.
- A `ProofKey` (`bench.run.certificates`) is the key of a proof: it has options of the framework, and no batch size.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from bench.records.record import Case
from bench.workload.axes import Load, Scenario

KEPT = 2**14  # groups; tables ask for them again and again


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Cell:
    """One cell of the matrix: a case at one batch size, timed by several processes. `contender` is the framework.

    The scenario of a server under load is its load.
    """

    workload: str
    scenario: Scenario | Load
    device: str
    mode: str
    precision: str
    threads: int
    feed: str
    batch_size: int
    contender: str

    @property
    def place(self) -> str:
        """The cell as part of a sentence, without its threads. What is usual is left out: see `unusual`."""
        return ", ".join((self._where, *self.unusual))

    @property
    def how(self) -> str:
        """Mode, precision, threads and feed, the usual ones too."""
        return f"{self.mode} {self.precision} {self.threads} threads fed from {self.feed}"

    @property
    def full_name(self) -> str:
        """A unique name with everything in it, which is the same in every run: programs find a cell again by it."""
        return f"{self._where}, {self.how}"

    @property
    def unusual(self) -> tuple[str, ...]:
        """The mode unless it is `idiomatic`, the precision unless it is `fp32`, and whether the host feeds the cell."""
        usual = ((self.mode, "idiomatic"), (self.precision, "fp32"))
        fed = () if self.feed == "device" else (f"fed from {self.feed}",)
        return (*(word for word, other in usual if word != other), *fed)

    @property
    def _where(self) -> str:
        return f"{self.workload} {self.contender} {self.scenario} on {self.device}, batch {self.batch_size}"

    @property
    def group(self) -> "Cell":
        """The cell without its framework; cells with the same group are compared with each other."""
        return _group(self)


@lru_cache(KEPT)
def _group(cell: Cell) -> Cell:
    return replace(cell, contender="")


def names(among: Iterable[Cell]) -> dict[Cell, str]:
    """A name for each of these cells that no other one of them has: its place, and its threads if they vary."""
    known = tuple(dict.fromkeys(among))
    several = len({cell.threads for cell in known}) > 1
    return {cell: f"{cell.place}, {cell.threads} threads" if several else cell.place for cell in known}


def cells(case: Case) -> tuple[Cell, ...]:
    """The cells of a case, one for each of its batch sizes."""
    return tuple(
        Cell(
            workload=case.workload,
            scenario=case.serving.load if case.serving else case.scenario,
            device=case.device,
            mode=case.mode,
            precision=case.precision,
            threads=case.threads,
            feed=case.feed,
            batch_size=batch_size,
            contender=case.contender,
        )
        for batch_size in case.batch_sizes
    )
