"""Stored runs as frames, as sentences and as charts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, final

from bench.api import html
from bench.errors import UsageError, unknown
from bench.records.named_runs import Stored
from bench.records.record import Record
from bench.report.formatting import one_line
from bench.report.layout import Column, Entry, Table, left
from bench.report.results import Arranged, Results, part_of

if TYPE_CHECKING:
    import pandas as pd

    from bench.api.charts import Charts
    from bench.api.columns import Columns

Selection = Mapping[str, tuple[str, ...]]  # values by the names of columns
COUNTS = ("cases", "timed cells", "failed cases", "unavailable cases")


@final
@dataclass(frozen=True, kw_only=True)
class Runs:
    """Stored runs: each property is a pandas frame whose columns `describe` explains.

    - `records`: the records as `bench.records` reads them, all cases of all runs;
    - `damaged`: what was skipped, because it is not a record;
    - `remarks`: the same, planned cases without a record, and plans and calibrations that cannot be read.

    A selection, such as `workload="digits-dnn"`, leaves out rows. All figures are judged as in the whole run. Answers
    are always about all frameworks: the first among a few of them may not be the first in the run. Charts that show
    selected frameworks only say so in their captions.
    """

    stored: Stored
    whole: Arranged
    selection: Selection
    damaged: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def records(self) -> tuple[Record, ...]:
        """The selected records, run by run in the order of measurement."""
        return tuple(record for results in self.arranged.values() for record in results.records)

    @cached_property
    def arranged(self) -> Arranged:
        """The selected results of each run, from which the tables of a report are made."""
        return self._parts(self.selection)

    @cached_property
    def cells(self) -> "pd.DataFrame":
        """A row for each figure of each cell: what the tables of a report show."""
        from bench.api import frames

        return self._selected(frames.cell_frame(self.whole))

    @cached_property
    def processes(self) -> "pd.DataFrame":
        """A row for each process and batch size, with the metrics of this process; failed ones too."""
        from bench.api import frames

        return frames.process_frame(self.arranged)

    @cached_property
    def samples(self) -> "pd.DataFrame":
        """A row for each timing of records that ended `ok`, as it was stored, in nanoseconds."""
        from bench.api import frames

        return frames.sample_frame(self.arranged)

    @cached_property
    def curves(self) -> "pd.DataFrame":
        """A row for each epoch of each seed that ended `ok`."""
        from bench.api import frames

        return frames.curve_frame(self.arranged)

    @cached_property
    def certificates(self) -> "pd.DataFrame":
        """A row for each check of each framework's proof, or one row if it has no proof."""
        from bench.api import frames

        return frames.certificate_frame(self.arranged)

    @cached_property
    def answers(self) -> "pd.DataFrame":
        """A row for each question that a report answers, with the sentences of the answer.

        They are about all frameworks, also if some are selected.
        """
        from bench.api import frames

        others = {name: values for name, values in self.selection.items() if name != "framework"}
        return frames.answer_frame(self._parts(others))

    @cached_property
    def charts(self) -> "Charts":
        """The charts of a report by their names, such as `charts["training-throughput"]`.

        If frameworks are selected, they show these, and a caption names them.
        """
        from bench.api import charts

        return charts.charts(self.arranged, frameworks=self.selection.get("framework", ()))

    def describe(self, frame: str) -> "Description":
        """What the columns of a frame mean. Raises UsageError if there is no such frame."""
        from bench.api import columns

        if frame not in columns.OF_RUNS:
            raise UsageError(f"describe: {unknown([frame], tuple(columns.OF_RUNS))}")
        return Description(frame, *columns.OF_RUNS[frame])

    def _parts(self, selection: Selection) -> Arranged:
        """The results of each run that are selected, judged as in the whole run."""
        parts = ((run, results, _selected(results, selection)) for run, results in self.whole.items())
        return {
            run: results if len(part) == len(results.records) else part_of(results, part)
            for run, results, part in parts
            if part
        }

    def _selected(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        for name, values in self.selection.items():
            frame = frame[frame[name].isin(values)]
        return frame.reset_index(drop=True)

    def __repr__(self) -> str:
        rows = (f"  {' '.join(entry.text for entry in row[:2])}: {_counted(row[3:])}" for row in self._table.rows)
        return "\n".join((one_line(self._title), *map(one_line, rows), *map(one_line, self.remarks)))

    def _repr_html_(self) -> str:
        return html.table(replace(self._table, title=self._title, notes=self.remarks))

    @property
    def _title(self) -> str:
        chosen = "; ".join(f"{name}: {', '.join(values)}" for name, values in self.selection.items())
        number = len(self.arranged)
        return f"{number} run{'s' * (number != 1)}{f' ({chosen})' if chosen else ''}"

    @property
    def _table(self) -> Table:
        """A row for each run: what was loaded of it."""
        rows = []
        for run, results in self.arranged.items():
            outcomes = [record.outcome for record in results.records]
            failed = sum(outcome not in {"ok", "unavailable"} for outcome in outcomes)
            numbers = (len(outcomes), len(results.blocks), failed, outcomes.count("unavailable"))
            first = results.records[0]
            texts = (run, first.environment.machine, first.started)
            rows.append((*map(Entry, texts), *(Entry(str(number), number) for number in numbers)))
        columns = (*left("run", "machine", "started"), *(Column(title=title) for title in COUNTS))
        return Table(title="Runs", columns=columns, rows=tuple(rows))


def _selected(results: Results, selection: Selection) -> list[Record]:
    return [
        record
        for record in results.records
        if all(value_of(record, name) in values for name, values in selection.items())
    ]


def _counted(row: Sequence[Entry]) -> str:
    return ", ".join(f"{name}: {entry.text}" for name, entry in zip(COUNTS, row, strict=True))


@final
@dataclass(frozen=True)
class Description:
    """What a row and the columns of a frame mean."""

    name: str
    row: str
    columns: "Columns"

    def __repr__(self) -> str:
        lines = (f"  {name} ({column.type}): {column.meaning}" for name, column in self.columns.items())
        return "\n".join((f"{self.name}: {self.row}", *lines))

    def _repr_html_(self) -> str:
        rows = tuple((Entry(name), Entry(column.type), Entry(column.meaning)) for name, column in self.columns.items())
        title = f"{self.name}: {self.row}"
        return html.table(Table(title=title, columns=left("column", "type", "meaning"), rows=rows))


def value_of(record: Record, name: str) -> str:
    """What a record has in one of the columns that select: `workload`, `framework`, `device`, `mode`, `precision`."""
    return str(record.case.contender if name == "framework" else getattr(record.case, name))
