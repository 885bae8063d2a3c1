"""The two sides of `levelfield drift`: what later data are compared with, and these data, part by part."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, final

from bench.cli.console import FAILED, USAGE, fail
from bench.errors import DataError, UsageError, meant
from bench.records.column_profile import SCORES

if TYPE_CHECKING:
    import numpy as np

    from bench.analysis.drift.verdicts import Rows
    from bench.datasets.own_files.streamed_columns import Kind, Source, StreamedColumns
    from bench.records.column_profile import ColumnProfile, Profile
    from bench.workload.saved_model import SavedModel

OTHER_ROWS = "found other rows than the model has predicted, expected the same; use a table without empty lines"
SERIES = (
    "Rows of a series depend on each other: p values are too small and intervals too narrow, so judge by the effect."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is compared, and how the tables are written."""

    reference: Path
    current: str
    by: str = ""
    columns: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    separator: str = ","
    decimal: str = "."
    retrain_at: float | None = None
    framework: str | None = None
    device: str = "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What later data are compared with; `about` is the model, if there is one.

    `remarks` has what a reader must know about it.
    """

    profile: "Profile"
    about: "SavedModel | None" = None
    remarks: tuple[str, ...] = ()

    @property
    def has_own_table(self) -> bool:
        """Whether the columns of later data are read from a table, and not from the samples of a model."""
        return self.about is None or self.about.preparation is not None


def reference(asked: Asked) -> Reference:
    """The profile of a model, of a file that `--save-profile` has written, or of a table."""
    from bench.records import profile_files
    from bench.workload import saved_model
    from bench.workload.model_folders import PROFILE

    path = asked.reference
    if path.is_dir():
        about = saved_model.read(path)
        if not (path / PROFILE).is_file():
            fail(
                f"{path}: found no {PROFILE}, expected the profile of the training data; train the model "
                "again with --save-models (if it is still missing then, the log of that training says why)",
                USAGE,
            )
        found = Reference(profile=profile_files.read(path / PROFILE), about=about)
    elif path.suffix == ".json":
        found = Reference(profile=profile_files.read(path))
    else:
        found = _of_table(asked)
    return replace(found, profile=_chosen(found.profile, asked))


def _of_table(asked: Asked) -> Reference:
    from bench.analysis.drift import profiles
    from bench.datasets.own_files.streamed_columns import StreamedColumns
    from bench.records.column_profile import Profile

    table = StreamedColumns(_source(asked.reference, asked))
    dates = [name for name, kind in table.kinds.items() if kind == "date"]
    for name in dates:
        table.kinds.pop(name)
    remark = f"Not compared, since later data have later dates: {', '.join(dates)}."
    profile = Profile(source=asked.reference.name, columns=profiles.reference(table.chunks))
    return Reference(profile=profile, remarks=(*((remark,) if dates else ()), *_unread(table)))


def _unread(table: "StreamedColumns") -> list[str]:
    """What must be said of cells that could not be read."""
    return [
        f"{table.source.path.name}: {count} cell{'s' if count > 1 else ''} of {name} without a number count as missing."
        for name, count in table.unread.items()
        if count
    ]


def _source(path: Path, asked: Asked, about: "SavedModel | None" = None) -> "Source":
    from bench.datasets.own_files.streamed_columns import source_of

    separator = "\t" if asked.separator == "," and path.suffix.lower() == ".tsv" else asked.separator
    written = {"separator": separator, "decimal": asked.decimal} if about is None else about.dataset
    return source_of(path, written)


def _chosen(profile: "Profile", asked: Asked) -> "Profile":
    """The profile with the columns that are asked for."""
    names = [item.name for item in profile.columns if item.group != "output"]
    problems = [
        f"--{option}: found {name!r}{meant(name, names)}, expected one of {', '.join(names)}"
        for option, chosen in (("columns", asked.columns), ("without", asked.without))
        for name in chosen
        if name not in names
    ]
    if not problems and names and not set(asked.columns or names) - set(asked.without):
        problems.append("--without: found every column, expected one that is left to be compared")
    if problems:
        raise UsageError("; ".join(problems))
    kept = tuple(
        item
        for item in profile.columns
        if item.group == "output" or (item.name not in asked.without and item.name in (asked.columns or names))
    )
    return replace(profile, columns=kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """The later data: all rows and each part, what a reader must know, and why the model could not predict them."""

    parts: "tuple[Rows, ...]"
    remarks: tuple[str, ...]
    failure: str = ""


def later(known: Reference, asked: Asked) -> Later:
    """The later data, and what the model says of them."""
    from bench.analysis.drift.parts import Parts

    column, _, period = asked.by.partition(":")
    inputs = [item for item in known.profile.columns if item.group != "output"]
    table, limit = None, _limit(known, asked)
    if known.has_own_table:
        table = _table(asked, known, inputs)
        inputs = [item for item in inputs if item.name in table.kinds]
    elif asked.by:
        fail(f"--by: found {asked.by!r} for data without columns, expected it for tables only", USAGE)
    observed, failure = _observed(known, asked)  # after all checks, since it starts a framework
    remarks = [f"The model could not predict these data, so it is not judged: {failure}."] if failure else []
    outputs = [item for item in known.profile.columns if item.group == "output" and item.name in observed]
    found = Parts([*inputs, *outputs], by=column, metric=_metric(known), limit=limit)
    if table is None:
        found.add(observed, scores=observed.get(SCORES))
        return Later(parts=found.found(), remarks=tuple(remarks))
    if known.about is not None and known.about.dataset.get("kind") == "series":
        observed = {name: _after_window(values, known.about) for name, values in observed.items()}
        remarks.append(SERIES)
    remarks += _fill(found, table, observed, column=column, period=period)
    return Later(parts=found.found(), remarks=(*known.remarks, *remarks, *_unread(table)), failure=failure)


def _after_window(values: "np.ndarray", about: "SavedModel") -> "np.ndarray":
    """The outputs of windows (windows,), each in the last row of its window; the rows before the first have none."""
    import numpy as np

    nothing = None if values.dtype == object else np.nan
    steps = about.description.sample_shape[0]
    return np.concatenate([np.full(steps - 1, nothing, dtype=values.dtype), values])


def _fill(
    found: Any,  # noqa: ANN401 (Parts, which takes time to import)
    table: "StreamedColumns",
    observed: Mapping[str, "np.ndarray"],
    *,
    column: str,
    period: str,
) -> "Iterator[str]":
    """Add the rows of a table, with what the model says of them; what a reader must know about them."""
    from bench.datasets.own_files.streamed_columns import BY

    begin, names = 0, Names(period)
    for chunk in table.chunks(by=column):
        by = chunk.pop(BY, None)
        rows = len(next(iter(chunk.values())))
        beside = {name: values[begin : begin + rows] for name, values in observed.items()}
        if any(len(values) != rows for values in beside.values()):
            raise DataError(f"{table.source.path}: {OTHER_ROWS}")
        scores = beside.pop(SCORES, None)
        found.add({**chunk, **beside}, names=None if by is None else names.of(by), scores=scores)
        begin += rows
    if any(len(values) != begin for values in observed.values()):
        raise DataError(f"{table.source.path}: {OTHER_ROWS}")
    if names.unread:
        cells = "1 cell" if names.unread == 1 else f"{names.unread} cells"
        yield f"{table.source.path.name}: {cells} of {column} without a date, in no {period}."


@final
class Names:
    """The parts that rows belong to. All dates are written in one form, which the first rows decide.

    `unread` counts the cells that are no dates.
    """

    def __init__(self, period: str) -> None:
        self.period, self.unread = period, 0
        self._form: str | None = None

    def of(self, words: "np.ndarray") -> "np.ndarray":
        """The name of the part of each row (rows,); None for a row without one."""
        import numpy as np

        from bench.datasets.own_files import dates

        if not self.period:
            return words
        if self._form is None:
            self._form = dates.usual_form([word for word in words if word is not None])
        found = dates.periods(list(words), self.period, self._form)
        self.unread += sum(word is not None and name is None for word, name in zip(words, found, strict=True))
        return np.array(found, dtype=object)


def _table(asked: Asked, known: Reference, inputs: "Sequence[ColumnProfile]") -> "StreamedColumns":
    from bench.datasets.own_files import dates
    from bench.datasets.own_files.streamed_columns import StreamedColumns

    column, _, period = asked.by.partition(":")
    if not Path(asked.current).suffix:
        fail(
            f"CURRENT: found {asked.current!r}, expected a table (.csv or .parquet) like the one of the training", USAGE
        )
    if period and period not in dates.PERIODS:
        fail(f"--by: found the period {period!r}, expected one of {', '.join(dates.PERIODS)}", USAGE)
    kinds: dict[str, Kind] = {item.name: "number" if item.kind == "number" else "category" for item in inputs}
    source = _source(Path(asked.current), asked, known.about)
    answers = {item.name for item in inputs if item.group == "answer"}
    table = StreamedColumns(source, kinds=_as_written(kinds, inputs), optional=answers)
    if column and column not in table.names:
        near = meant(column, table.names)
        fail(f"--by: found {column!r}{near}, expected one of {', '.join(table.names)}", USAGE)
    return table


def _as_written(kinds: "dict[str, Kind]", inputs: "Sequence[ColumnProfile]") -> "dict[str, Kind]":
    """How columns are read: a flag is a category whose values are numbers."""
    flags = {item.name for item in inputs if item.of_numbers}
    return {name: "number" if name in flags else kind for name, kind in kinds.items()}


def _metric(known: Reference) -> Any:  # noqa: ANN401 (a literal)
    return known.profile.metric or "accuracy"


def _limit(known: Reference, asked: Asked) -> float | None:
    """The quality at which to train again; None if the model has none."""
    from bench.analysis.drift.quality import usual_limit

    if known.about is None or known.profile.quality is None:
        if asked.retrain_at is not None:
            fail(f"--retrain-at: found {asked.retrain_at:g} without a model, expected a model as REFERENCE", USAGE)
        return None
    return usual_limit(_metric(known), known.profile.quality) if asked.retrain_at is None else asked.retrain_at


def _observed(known: Reference, asked: Asked) -> "tuple[dict[str, np.ndarray], str]":
    """What the model says of the later data, by column, and why it could not predict; nothing without a model."""
    import numpy as np

    from bench.cli.predict import asked_of_worker, chosen_contender

    about = known.about
    if about is None:
        return {}, ""
    with TemporaryDirectory(prefix="levelfield-") as folder:
        answers = Path(folder) / "columns.npz"
        question = {"kind": "observe", "folder": str(asked.reference), "data": asked.current, "output": str(answers)}
        contender = chosen_contender(asked.framework, about)
        result = asked_of_worker(contender, asked.device, question, logs=Path(folder))
        if result["outcome"] != "ok":
            if not known.has_own_table or asked.retrain_at is not None:
                fail(str(result["error"]), result.get("exit_code", FAILED))
            return {}, str(result["error"]).rstrip(".")
        with np.load(answers) as file:
            found = {name: file[name] for name in file.files}
    return {name: values.astype(object) if values.dtype.kind == "U" else values for name, values in found.items()}, ""
