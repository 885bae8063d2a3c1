"""The verdict on later data: which columns have drifted, whether the model still has its quality, and the exit code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.analysis.drift.columns import EFFECT, ColumnDrift, compare
from bench.analysis.drift.quality import Quality
from bench.errors import ExitCode
from bench.records.column_profile import ColumnProfile

MOST_SHARE = 0.0  # of the tested columns may have drifted


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The verdicts on a part of the later data: all of it, a period, or the rows with one value of a column.

    - `share`: the share of drifted columns among those that were tested; None if none was;
    - `drifted`: their names;
    - `quality`: that of the model, if the answers are known.
    """

    name: str
    rows: int
    columns: tuple[ColumnDrift, ...]
    share: float | None
    drifted: tuple[str, ...]
    quality: Quality | None = None

    @property
    def undecided(self) -> tuple[str, ...]:
        """The columns with too few rows."""
        return tuple(item.name for item in self.columns if item.verdict == "too few rows")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What was found for later data.

    - `reference`, `current`: the two data sets in words;
    - `parts`: all rows together, then each period or group;
    - `share_limit`: the largest share of drifted columns that is allowed;
    - `has_model`: whether the reference is that of a model, whose quality is judged if the answers are known;
    - `failure`: why the model could not predict; empty if it could;
    - `exit_code`: 3 if a limit is broken, 6 if no column was tested, 4 if something is undecided, else 0;
    - `remarks`: what a reader must know about the data.
    """

    reference: str
    current: str
    by: str
    parts: tuple[Part, ...]
    share_limit: float
    exit_code: int
    has_model: bool = False
    failure: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A part of the later data as profiles, with the bins of the reference's columns."""

    name: str
    rows: int
    columns: Sequence[ColumnProfile]
    quality: Quality | None = None


def judge(  # noqa: PLR0913 (what is compared, by which limits, and how it is called)
    reference: Sequence[ColumnProfile],
    parts: Sequence[Rows],
    *,
    names: tuple[str, str],
    by: str = "",
    effect: float = EFFECT,
    share_limit: float = MOST_SHARE,
    has_model: bool = False,
    failure: str = "",
    remarks: Sequence[str] = (),
) -> Drift:
    """Compare each part with the reference. `names` are the reference and the later data in words."""
    known = {item.name: item for item in reference}
    found = tuple(_part(known, item, effect=effect, parts=max(1, len(parts) - 1) if item.name else 1) for item in parts)
    return Drift(
        reference=names[0],
        current=names[1],
        by=by,
        parts=found,
        share_limit=share_limit,
        exit_code=_exit_code(found, share_limit, is_judged=not failure),
        has_model=has_model,
        failure=failure,
        remarks=tuple(remarks),
    )


def _part(known: Mapping[str, ColumnProfile], item: Rows, *, effect: float, parts: int) -> Part:
    columns = compare([known[column.name] for column in item.columns], item.columns, effect=effect, parts=parts)
    tested = [column for column in columns if column.p is not None]
    drifted = tuple(column.name for column in tested if column.verdict == "drifted")
    share = len(drifted) / len(tested) if tested else None
    return Part(name=item.name, rows=item.rows, columns=columns, share=share, drifted=drifted, quality=item.quality)


def _exit_code(parts: Sequence[Part], share_limit: float, *, is_judged: bool) -> int:
    quality = [item.quality.verdict for item in parts if item.quality]
    if "retrain" in quality or any(item.share is not None and item.share > share_limit for item in parts):
        return ExitCode.REGRESSED
    if all(item.share is None for item in parts):
        return ExitCode.NOTHING_MEASURED
    if "inconclusive" in quality or any(item.undecided for item in parts) or not is_judged:
        return ExitCode.INCONCLUSIVE
    return ExitCode.DONE
