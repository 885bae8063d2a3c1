"""What one of two runs has and the other lacks: times, learning, memory peaks, the largest batch, load, and proofs.

A gate that compares only what both runs have sees nothing where something vanished.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.analysis.long_table import figures
from bench.analysis.memory_and_quality import PEAKS
from bench.records.cell import Cell, cells
from bench.records.record import Case, Record
from bench.records.timing_metrics import timed
from bench.workload.axes import Purpose

What = Literal["times", "learning", "memory peak", "largest batch", "load", "proof"]
Part = tuple[What, Cell, str]

WHAT: Mapping[Purpose, What] = {
    "timing": "times",
    "learning": "learning",
    "memory": "memory peak",
    "capacity": "largest batch",
    "serving": "load",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What a run lacks of one cell.

    - `details`: the seeds, or the kinds of peaks, if the run has others of this cell; the processes that were planned.
    - `planned`: whether the run had planned it, and stored no record.
    """

    what: What
    cell: Cell
    details: tuple[str, ...] = ()
    planned: bool = False

    @property
    def named(self) -> str:
        """What is missing, with its details: `learning of seed 1`."""
        return f"{self.what} of {', '.join(self.details)}" if self.details else self.what

    @property
    def sentence(self) -> str:
        """The same as a sentence about the candidate."""
        return f"{self.named} is missing in the candidate{', though it was planned' if self.planned else ''}"


def missing(
    there: Sequence[Record],
    here: Sequence[Record],
    *,
    unmeasured: Sequence[Case] = (),
    told: Collection[tuple[What, Cell]] = (),
) -> tuple[Missing, ...]:
    """What `there` has and `here` lacks, one item for each cell and kind; then what `here` planned but never stored.

    `told` is what the caller reports in another way, such as a failure.
    """
    known = set(_parts(here))
    lost = [part for part in dict.fromkeys(_parts(there)) if part not in known and part[:2] not in told]
    planned = unstored(unmeasured, known={part[:2] for part in known})
    never = {(item.what, item.cell) for item in planned}
    return (*(item for item in _together(lost, known) if (item.what, item.cell) not in never), *planned)


def unstored(unmeasured: Iterable[Case], *, known: Collection[tuple[What, Cell]] = ()) -> tuple[Missing, ...]:
    """What was planned and has no record; of a cell that is `known` only the processes, or the seeds, without one."""
    found: dict[tuple[What, Cell], list[str]] = {}
    for case in unmeasured:
        for cell in cells(case):
            found.setdefault((WHAT[case.purpose], cell), []).append(case.turn)
    return tuple(
        Missing(what=what, cell=cell, details=tuple(turns) if (what, cell) in known else (), planned=True)
        for (what, cell), turns in found.items()
    )


def _together(lost: Sequence[Part], known: set[Part]) -> Iterator[Missing]:
    """The lost parts by kind and cell. A cell that lacks all of a kind has no details, and its proof is not named."""
    had = {part[:2] for part in known}
    present = {cell for _, cell, _ in known}
    details: dict[tuple[What, Cell], list[str]] = {}
    for what, cell, detail in lost:
        if what != "proof" or cell in present:
            details.setdefault((what, cell), []).append(detail)
    for (what, cell), found in details.items():
        yield Missing(what=what, cell=cell, details=tuple(found) if (what, cell) in had else ())


def _parts(records: Sequence[Record]) -> Iterator[Part]:
    """Everything that a comparison uses of these records."""
    for _, cell, _ in timed(records):
        yield "times", cell, ""
    for record in records:
        if record.outcome == "ok" and record.measurement.loaded is not None:
            yield "load", cells(record.case)[0], ""
        if record.outcome == "ok" and record.measurement.learning is not None:
            yield "learning", cells(record.case)[0], f"seed {record.case.seed}"
    for figure in figures(records):
        if figure.metric in PEAKS:
            yield "memory peak", figure.cell, figure.metric.removesuffix("_bytes").replace("_", " ")
        elif figure.metric == "largest_batch":
            yield "largest batch", figure.cell, ""
    proven: dict[Cell, bool] = {}
    for record in records:
        if record.outcome == "ok":
            passed = record.certificate is not None and record.certificate.passed
            proven |= {cell: proven.get(cell, True) and passed for cell in cells(record.case)}
    yield from (("proof", cell, "") for cell, passed in proven.items() if passed)
