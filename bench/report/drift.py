"""Drift as a report: which columns have another distribution, and whether the model still has its quality."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bench.analysis.drift.columns import BARS, RISK, ColumnDrift
from bench.analysis.drift.quality import CONFIDENCE, Quality
from bench.analysis.drift.verdicts import Drift, Part
from bench.errors import ExitCode
from bench.report import formatting
from bench.report.layout import Answer, Answers, Clause, Column, Entry, Report, Section, Table, left, without_empty

TITLE = "Drift: {current} against {reference}"
MOST_NAMED = 5
MOST_DECIMALS = 100.0
MOST_P = 1e-4  # a smaller p value is not written with its digits
CONVENTIONS = ((0.25, "large"), (0.1, "moderate"), (0.0, "small"))
QUESTIONS = {
    "input": "Have the data changed?",
    "answer": "Have the known answers changed?",
    "output": "Have the model's outputs changed?",
}
RETRAIN = "Is it time to train again?"
HEIGHTS = "▁▂▃▄▅▆▇█"
ORDER = ("drifted", "too few rows", "unchanged", "not tested")
WORDS = {
    ExitCode.DONE: "no limit is broken",
    ExitCode.REGRESSED: "a limit is broken",
    ExitCode.INCONCLUSIVE: "no limit is broken, but something is undecided",
    ExitCode.NOTHING_MEASURED: "no column could be tested",
}
RULE = (
    "A column has drifted if three things hold: its p value, corrected for the number of columns "
    f"(Benjamini-Hochberg) and of parts, is at most {RISK:.0%}; its effect is at least {{effect:g}}; and its PSI is "
    "above its limit."
)
EFFECT = (
    "Effect: for numbers the Wasserstein distance in standard deviations of the reference, both over its central 99 %, "
    "or the statistic if that is larger. For categories half the sum of the differences of their shares."
)
PSI = (
    f"PSI: population stability index over {BARS} bins. Its limit is what equal data of so many rows exceed in "
    f"{RISK:.0%} of all reports, from resampled bin counts. By convention a PSI from 0.1 is moderate, from 0.25 large; "
    "that holds for many rows only."
)
HISTOGRAMS = (
    "Histograms: the bins of numbers have a tenth of the reference's rows each, if it has many different numbers."
)
INTERVALS = f"In brackets: the {CONFIDENCE:.0%} interval. Train again if all of it is beyond the limit."


def report(found: Drift) -> Report:
    """The answers, the table of all columns, and a row for each period or group."""
    whole = found.parts[0]
    tables = (columns_table(whole, title=_title(found, whole)), parts_table(found))
    summary = Section(title="Summary", tables=tuple(table for table in tables if table.rows))
    others = tuple(
        columns_table(part, title=f"Columns, {found.by} {part.name}") for part in found.parts[1:] if part.drifted
    )
    sections = (summary, Section(title="Parts with drift", tables=others)) if others else (summary,)
    return Report(
        title=TITLE.format(current=found.current, reference=found.reference),
        sections=sections,
        answers=answers(found),
        about=found.remarks,
    )


def _title(found: Drift, part: Part) -> str:
    return f"Columns, {formatting.grouped(part.rows)} rows{' of all parts' if found.by else ''}"


def answers(found: Drift) -> tuple[Answers, ...]:
    """What readers ask first."""
    return (Answers(title="later data compared with the reference", lines=tuple(_lines(found))),)


def _lines(found: Drift) -> Iterator[Answer]:
    whole = found.parts[0]
    together = " (all rows together)" if found.by else ""
    for group, question in QUESTIONS.items():
        columns = [item for item in whole.columns if item.group == group]
        if columns:
            clause = _changed(columns)
            yield Answer(question, (replace(clause, text=f"{clause.text}{together}"),))
    if found.by:
        yield Answer(f"In which {found.by}?", (_where(found),))
    quality = [(part.name, part.quality) for part in found.parts if part.quality]
    if quality:
        yield Answer(RETRAIN, (_retrain(quality),))
    elif found.has_model:
        why = "the model could not predict these data" if found.failure else "the later data have no known answers"
        yield Answer(RETRAIN, (Clause("unknown", text=why),))
    undecided = list(dict.fromkeys(name for part in found.parts for name in part.undecided))
    if undecided:
        yield Answer("What is undecided?", (Clause("too few rows", text=_named(undecided)),))
    code = ExitCode(found.exit_code)
    why = _broken(found) if code == ExitCode.REGRESSED else ""
    yield Answer("Exit code?", (Clause(f"{code:d}", text=f"{WORDS[code]}{why}"),))


def _broken(found: Drift) -> str:
    """Which limits are broken."""
    drifted = [part for part in found.parts if part.share is not None and part.share > found.share_limit]
    worse = [part for part in found.parts if part.quality and part.quality.verdict == "retrain"]
    share = f"more than {found.share_limit:.0%} of the columns" if found.share_limit else "a column"
    told = [f"{share} drifted"] if drifted else []
    return f": {' and '.join((*told, *(['the quality is beyond its limit'] if worse else [])))}"


def _changed(columns: Sequence[ColumnDrift]) -> Clause:
    drifted = [item for item in columns if item.verdict == "drifted"]
    tested = sum(item.p is not None for item in columns)
    few = sum(item.verdict == "too few rows" for item in columns)
    if not tested and not few:
        return Clause("not tested", text="no column has values that can be compared")
    ordered = sorted(drifted, key=lambda item: -(item.effect or 0.0))
    if drifted:
        return Clause(
            "yes",
            text=f"{f'{len(drifted)} of {tested} tested columns: ' if tested > 1 else ''}"
            f"{_named([_change(item) for item in ordered])}",
        )
    if few:
        return Clause("undecided", text=f"{few} of {len(columns)} columns have too few rows; no other has drifted")
    return Clause("no", text=f"none of {tested} tested columns has drifted" if tested > 1 else "it has not drifted")


def _change(found: ColumnDrift) -> str:
    return f"{found.name} (effect {found.effect or 0.0:.2f})"


def _where(found: Drift) -> Clause:
    parts = [part for part in found.parts[1:] if part.drifted]
    if not parts:
        few = sum(bool(part.undecided) for part in found.parts[1:])
        told = f"; {few} have too few rows in some columns" if few else ""
        return Clause("in none", text=f"no column drifted in any of {len(found.parts) - 1} parts{told}")
    return Clause(f"{len(parts)} of {len(found.parts) - 1}", text=_named([part.name for part in parts]))


def _retrain(found: Sequence[tuple[str, Quality]]) -> Clause:
    beyond = [f"{name or 'all rows'}: {in_words(item)}" for name, item in found if item.verdict == "retrain"]
    first = found[0][1]
    if beyond:
        return Clause("yes", text=f"{_named(beyond)}; limit {formatting.score(first.limit)}")
    parts = [name for name, item in found[1:] if item.verdict == "inconclusive"]
    told = f"; undecided: {_named(parts)}" if parts else ""
    who = "undecided" if first.verdict == "inconclusive" else "no"
    return Clause(who, text=f"{in_words(first)}, limit {formatting.score(first.limit)}{told}")


def in_words(found: Quality) -> str:
    """The quality with its interval: `accuracy 0.9611 (0.9412 to 0.9745)`."""
    value, low, high = (formatting.score(item) for item in (found.value, found.low, found.high))
    return f"{found.metric} {value}{f' ({low} to {high})' if found.high is not None else ''}"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"


def columns_table(part: Part, *, title: str) -> Table:
    """A row for each column: drifted ones first."""
    ordered = sorted(part.columns, key=lambda item: (ORDER.index(item.verdict), -(item.effect or 0.0)))
    effect = next((item.effect_limit for item in part.columns), 0.0)
    columns = (
        *left("column", "kind"),
        Column(title="test", alignment="left", spare=2),
        Column(title="statistic", spare=3),
        Column(title="p, corrected"),
        Column(title=f"effect (limit {effect:g})"),
        Column(title="PSI"),
        Column(title="limit of PSI"),
        *(Column(title=name, alignment="left", spare=place) for place, name in ((5, "PSI by convention"),)),
        *left("verdict"),
        *(Column(title=name, alignment="left", spare=4) for name in ("reference", "later data")),
    )
    rows = tuple(_row(item) for item in ordered)
    reasons = dict.fromkeys(f"{item.verdict}: {item.reason}" for item in ordered if item.reason)
    new = (
        f"{item.name}: not in the reference: {', '.join(f'“{word}”' for word in item.others)}."
        for item in ordered
        if item.others
    )
    notes = (RULE.format(effect=effect), EFFECT, PSI, HISTOGRAMS, *(f"{line}." for line in reasons), *new)
    return without_empty(Table(title=title, columns=columns, rows=rows, notes=notes, names=1))


def _row(found: ColumnDrift) -> tuple[Entry, ...]:
    bars = found.bars
    tallest = max((*bars.reference, *bars.current)) if bars else 0.0
    return (
        Entry(found.name),
        Entry(found.kind if found.group == "input" else f"{found.group}, {found.kind}"),
        Entry(found.test),
        _number(found.statistic),
        Entry(p_in_words(found.corrected_p), found.corrected_p),
        _number(found.effect),
        _number(found.psi),
        _number(found.psi_limit),
        Entry("" if found.psi is None else next(word for least, word in CONVENTIONS if found.psi >= least)),
        Entry(found.verdict),
        *(Entry(spark(side, tallest)) for side in ((bars.reference, bars.current) if bars else ((), ()))),
    )


def _number(value: float | None) -> Entry:
    """A number with three decimals, which are enough for shares and effects."""
    return Entry("" if value is None else f"{value:.3f}" if value < MOST_DECIMALS else f"{value:.3g}", value)


def p_in_words(value: float | None) -> str:
    """A p value with two digits; a very small one as a bound."""
    if value is None:
        return ""
    return f"<{MOST_P:g}" if value < MOST_P else f"{value:.2g}"


def spark(shares: Iterable[float], tallest: float) -> str:
    """A histogram in one line of text."""
    top = len(HEIGHTS) - 1
    return "".join(HEIGHTS[round(top * share / tallest)] if tallest else HEIGHTS[0] for share in shares)


def parts_table(found: Drift) -> Table:
    """A row for all rows together and for each period or group."""
    columns = (
        *left(found.by or "part"),
        Column(title="rows"),
        Column(title="drifted columns"),
        *left("which"),
        Column(title="with too few rows"),
        *_quality_columns(found),
    )
    rows = tuple(_part_row(part) for part in found.parts)
    has_quality = any(part.quality for part in found.parts)
    if not found.by and not has_quality:
        rows = ()
    notes = (INTERVALS,) if has_quality else ()
    title = f"By {found.by}" if found.by else "Quality"
    return without_empty(Table(title=title, columns=columns, rows=rows, notes=notes, names=1))


def _quality_columns(found: Drift) -> tuple[Column, ...]:
    metric = next((part.quality.metric for part in found.parts if part.quality), "quality")
    return (Column(title="known answers"), Column(title=metric), Column(title="limit"), *left("model"))


def _part_row(part: Part) -> tuple[Entry, ...]:
    tested = sum(item.p is not None for item in part.columns)
    quality = part.quality
    shown = (
        (
            Entry(formatting.grouped(quality.samples), quality.samples),
            Entry(in_words(quality).partition(" ")[2], quality.value),
            Entry(formatting.score(quality.limit), quality.limit),
            Entry({"kept": "keep", "retrain": "train again", "inconclusive": "undecided"}[quality.verdict]),
        )
        if quality
        else (Entry(""),) * 4
    )
    return (
        Entry(part.name or "all"),
        Entry(formatting.grouped(part.rows), part.rows),
        Entry(f"{len(part.drifted)} of {tested}", part.share),
        Entry(_named(part.drifted)),
        Entry(str(len(part.undecided)) if part.undecided else "", len(part.undecided)),
        *shown,
    )
