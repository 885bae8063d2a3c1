"""Cells of the matrix, and how the keys of the matrix differ.

- A `Case` (`bench.records.record`) is one process: it has a purpose, a replicate, a seed, and all its batch sizes.
- A `Cell` is what several processes repeat at one batch size. Figures, verdicts and searches for options have this key.
- A `Lane` (`bench.report.results`) is a row of a table: a contender with device, mode, precision and threads.
- A `ProofKey` (`bench.run.certificates`) is what is proven once: it has options of the framework, and no batch size.
"""

from dataclasses import dataclass, replace

from bench.records.record import Case
from bench.workload.axes import Scenario


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Cell:
    """One cell of the matrix: what several processes repeat at one batch size."""

    workload: str
    scenario: Scenario
    device: str
    mode: str
    precision: str
    threads: int
    feed: str
    batch_size: int
    contender: str

    @property
    def place(self) -> str:
        """Where it is, for a sentence."""
        return f"{self.workload} {self.contender} {self.scenario} on {self.device}, batch {self.batch_size}"

    @property
    def how(self) -> str:
        """How it was run, for a name that no other cell at this place may share."""
        return f"{self.mode} {self.precision} {self.threads} threads fed from {self.feed}"

    @property
    def group(self) -> "Cell":
        """The cell without its contender: those of one group compete with each other."""
        return replace(self, contender="")


def cells(case: Case) -> tuple[Cell, ...]:
    """The cells that a case fills, one for each of its batch sizes."""
    return tuple(
        Cell(
            workload=case.workload,
            scenario=case.scenario,
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
