"""The page of searches for the fastest options: what was chosen, and every candidate that was timed."""

from collections.abc import Iterator, Mapping, Sequence

from bench.analysis import successive_halving
from bench.analysis.successive_halving import USUAL, WORTH, gain
from bench.records.cell import Cell
from bench.records.record import Candidate, SearchResult
from bench.report import formatting, search_lines, tuning
from bench.report.charts import catalogue, changes
from bench.report.figures import Row, short
from bench.report.layout import Answer, Answers, Clause, Column, Entry, Table, left
from bench.report.page.sheet import Drawing, Line, Opening, Sheet
from bench.report.reliability import SIGN

MOST_CANDIDATES = 1000  # of one search
VARYING = ("device", "precision")  # fields that are named where they vary
FILTERS = ("framework", "scenario", "batch", *VARYING)
CAPTION = "Candidates"
MARKS = "Ticks: single timings. Ring: chosen. Dashed: defaults. Filled: the default, and what is proven equal to it."
SEARCH = "{cell.contender}, {cell.scenario}, batch {cell.batch_size}"
DISTURBED = f"; other programs were running {SIGN}"

Searches = Mapping[Cell, SearchResult]


def sheet(title: str, found: Searches, *, picked: Mapping[Cell, Mapping[str, str]], source: Sequence[str]) -> Sheet:
    """The page of these searches; `picked` is what the usual search chose, if these are exhaustive."""
    varying = tuple(name for name in VARYING if len({getattr(cell, name) for cell in found}) > 1)
    lines = tuple(Answer(f"{_search(cell, varying)}?", (_answer(item),)) for cell, item in found.items())
    order = {name: place for place, name in enumerate(dict.fromkeys(cell.contender for cell in found))}
    drawn = tuple(row for cell, item in found.items() for row in _rows(cell, item, order[cell.contender], varying))
    chart = Drawing(
        name="candidates", caption=CAPTION, marks=MARKS, spec=catalogue.declared(changes.candidates), rows=drawn
    )
    return Sheet(
        title=title,
        answers=(Answers(title="fastest options", lines=lines),),
        filters=FILTERS,
        tables=tuple(_table(cell, item, picked.get(cell), varying) for cell, item in found.items()),
        charts=(chart,),
        source=tuple(source),
    )


def _search(cell: Cell, varying: Sequence[str]) -> str:
    """A search in words, with its device and its precision if several were searched."""
    return ", ".join((SEARCH.format(cell=cell), *(str(getattr(cell, name)) for name in varying)))


def _answer(found: SearchResult) -> Clause:
    """What was chosen and what it gains, or why the default stays."""
    timed = sum(bool(item.times_s) for item in found.candidates)
    doubt = DISTURBED if tuning.disturbed(found) else ""
    among = f"{timed} of {len(found.candidates)} candidates ran{doubt}"
    gained = gain(found)
    if not timed:
        return Clause("nothing could be timed", text=among)
    if found.options:
        much = (
            f"the {USUAL} could not be timed"
            if gained is None
            else f"{formatting.ratio(gained)} as fast as the {USUAL}"
        )
        return Clause(search_lines.words(found.options), text=f"{much}, proven equal; {among}")
    return Clause(f"the {USUAL} stays", text=f"no candidate is proven equal and surely {WORTH:.0%} faster; {among}")


def _table(cell: Cell, found: SearchResult, picked: Mapping[str, str] | None, varying: Sequence[str]) -> Opening:
    """A search: a row for each candidate with its options, or for several that failed for the same reason."""
    whole = tuning.table(tuning.search_title(cell), found, picked=picked)
    batch = Entry(str(cell.batch_size), cell.batch_size)
    names = (Entry(cell.contender), Entry(cell.scenario), batch, *(Entry(getattr(cell, name)) for name in varying))
    lines = tuple(
        Line(entries=(*names, *row), inside=_inside([found.candidates[place] for place in places]))
        for row, places in zip(whole.rows, tuning.alike(found.candidates), strict=True)
    )
    columns = (*left("framework", "scenario"), Column(title="batch"), *left(*varying), *whole.columns)
    return Opening(title=whole.title, columns=columns, lines=lines, notes=whole.notes)


def _inside(alike: Sequence[Candidate]) -> tuple[Table, ...]:
    """The timings of a candidate, or the whole reason why it failed and which others failed for it too."""
    first = alike[0]
    timings = tuple(
        (Entry(str(number), number), Entry(formatting.duration(value), value))
        for number, value in enumerate(first.times_s, start=1)
    )
    reasons = tuple((Entry(search_lines.words(item.options)), Entry(item.error or item.outcome)) for item in alike)
    failed = reasons if first.error else ()
    tables = (
        Table(title="Timings", columns=(Column(title="round"), Column(title="time of one call")), rows=timings),
        Table(title="Failed", columns=left("options", "reason"), rows=failed),
    )
    return tuple(table for table in tables if table.rows)


def _rows(cell: Cell, found: SearchResult, place_of_framework: int, varying: Sequence[str]) -> Iterator[Row]:
    """A row for each timing of each candidate; the candidates of a framework stand together."""
    times = successive_halving.times(found)
    usual = next((time for place, time in times.items() if not found.candidates[place].options), None)
    where = {name: getattr(cell, name) for name in varying}
    panel = ", ".join((f"{cell.scenario}, batch {cell.batch_size}", *where.values()))
    names = {"panel": panel, "panel_place": cell.batch_size, "framework": cell.contender, **where}
    for place, seconds in times.items():
        item = found.candidates[place]
        shown = {
            **names,
            "scenario": cell.scenario,
            "batch": str(cell.batch_size),
            "place": MOST_CANDIDATES * place_of_framework + place,
            "name": f"{cell.contender}: {search_lines.words(item.options)}",
            "seconds": short(seconds),
            "usual": None if usual is None else short(usual),
            "proven": not item.options or item.options == found.options,
            "chosen": item.options == found.options,
            "outcome": item.outcome,
        }
        yield from ({**shown, "timing": short(timing)} for timing in item.times_s)
