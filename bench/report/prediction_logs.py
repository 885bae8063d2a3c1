"""Prediction logs as tables: each model and framework in a row, its errors, and its figures over time."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from bench.analysis.prediction_logs import LogSummary, ModelLog, PredictionLogs
from bench.report import formatting
from bench.report.layout import Column, Entry, Report, Section, Table, left, without_empty

MILLISECONDS = 1e3  # in a second
MOST_CLASSES = 3  # over time
MOST_SHARES = 20
MOST_ERRORS = 5
UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"))
MINUTE_S = 60
RATE = "Rate: predictions per second, from the beginning of the first call to the end of the last, with all pauses."
OVER_TIME = (
    "Times are in UTC. Rate: predictions divided by the length of the interval; the ends of a log may fill less."
)
CALLS = "p50 to max: the latency of calls. A call is one query with up to {batch} samples, which all wait for it."
SINGLE = "p50 to max: the latency of calls with one sample each."
REPLACED = "{model}: its files were replaced; the digests are, in this order, {digests}."
LATENCIES = (("p50", "latency_p50_ms"), ("p90", "latency_p90_ms"), ("p99", "latency_p99_ms"), ("max", "latency_max_ms"))


def report(found: PredictionLogs, *, title: str) -> Report:
    """The models side by side, their errors, and a table over time for each."""
    tables = (_models(found), _classes(found), _errors(found))
    sections = [Section(title="Predictions", tables=tuple(table for table in tables if table.rows))]
    sections += [
        Section(title=_title(item, found.every_s), tables=(_over_time(item, found.every_s),)) for item in found.models
    ]
    return Report(title=title, sections=tuple(sections))


def interval_in_words(seconds: float) -> str:
    """The length of an interval: `15 min`."""
    size, unit = next((row for row in UNITS if seconds >= row[0]), UNITS[-1])
    return f"{seconds / size:g} {unit}"


def _models(found: PredictionLogs) -> Table:
    columns = (
        *left("model", "framework"),
        Column(title="predictions"),
        Column(title="rate", unit="1/s"),
        Column(title="errors"),
        *(Column(title=title) for title, _ in LATENCIES),
        Column(title="calls"),
        Column(title="mean confidence"),
        Column(title="mean output"),
        Column(title="standard deviation"),
    )
    rows = tuple((Entry(item.model), Entry(item.framework), *_figures(item.summary)) for item in found.models)
    batch = found.total.largest_batch
    replaced = (
        REPLACED.format(model=item.model, digests=", ".join(item.digests))
        for item in found.models
        if len(item.digests) > 1
    )
    notes = (RATE, *((CALLS.format(batch=batch) if batch > 1 else SINGLE,) if batch else ()), *replaced)
    return without_empty(Table(title="Models", columns=columns, rows=rows, notes=notes, names=2))


def _figures(item: LogSummary) -> tuple[Entry, ...]:
    return (
        Entry(formatting.grouped(item.predictions), item.predictions),
        _significant(item.rate_per_s),
        _with_share(item),
        *(_latency(item, name) for _, name in LATENCIES),
        Entry(formatting.grouped(item.calls), item.calls),
        Entry(formatting.score(item.mean_confidence), item.mean_confidence),
        _listed([output.mean for output in item.numbers]),
        _listed([output.deviation for output in item.numbers]),
    )


def _classes(found: PredictionLogs) -> Table:
    """The shares of the classes that each model predicted, the most frequent first."""
    rows = tuple(
        (Entry(item.model), Entry(item.framework), Entry(_shares(item.summary.classes)))
        for item in found.models
        if item.summary.classes
    )
    return Table(title="Classes", columns=left("model", "framework", "shares of the predictions"), rows=rows, names=2)


def _shares(classes: Mapping[str, float]) -> str:
    shown = [f"{formatting.name_of(name)} {formatting.share(share)}" for name, share in classes.items()]
    more = len(shown) - MOST_SHARES
    return ", ".join([*shown[:MOST_SHARES], *([f"and {more} more"] if more > 0 else [])])


def _errors(found: PredictionLogs) -> Table:
    """The most frequent errors of each model."""
    rows = tuple(
        (Entry(item.model), Entry(item.framework), Entry(formatting.grouped(number), number), Entry(text))
        for item in found.models
        for text, number in list(item.summary.error_texts.items())[:MOST_ERRORS]
    )
    columns = (*left("model", "framework"), Column(title="times"), *left("error"))
    return Table(title="Most frequent errors", columns=columns, rows=rows, names=2)


def _title(item: ModelLog, every_s: float) -> str:
    return f"{item.model} by {item.framework}, every {interval_in_words(every_s)}"


def _over_time(item: ModelLog, every_s: float) -> Table:
    classes = list(item.summary.classes)[:MOST_CLASSES]
    columns = (
        *left("from"),
        Column(title="predictions"),
        Column(title="rate", unit="1/s"),
        Column(title="p50"),
        Column(title="p99"),
        Column(title="errors"),
        *(Column(title=f"share of {formatting.name_of(name)}") for name in classes),
        Column(title="mean confidence"),
        Column(title="mean output"),
    )
    rows = tuple(
        (Entry(_time(part.since_s, every_s), part.since_s), *_interval(part.summary, classes))
        for part in item.intervals
    )
    table = Table(title=_title(item, every_s), columns=columns, rows=rows, notes=(OVER_TIME,), names=1)
    return without_empty(table)


def _interval(item: LogSummary, classes: list[str]) -> Iterator[Entry]:
    yield Entry(formatting.grouped(item.predictions), item.predictions)
    yield _significant(item.rate_per_s)
    yield from (_latency(item, name) for name in ("latency_p50_ms", "latency_p99_ms"))
    yield Entry(formatting.grouped(item.errors), item.errors)
    yield from (_share(item.classes.get(name, 0.0) if item.classes else None) for name in classes)
    yield Entry(formatting.score(item.mean_confidence), item.mean_confidence)
    yield _listed([output.mean for output in item.numbers])


def _time(seconds: float, every_s: float) -> str:
    """The beginning of an interval, with as many digits as its length needs."""
    when = datetime.fromtimestamp(seconds, tz=UTC)
    if every_s < 1:
        return f"{when:%Y-%m-%d %H:%M:%S}.{round(when.microsecond / MILLISECONDS):03d}"
    return f"{when:%Y-%m-%d %H:%M:%S}" if every_s < MINUTE_S else f"{when:%Y-%m-%d %H:%M}"


def _latency(item: LogSummary, name: str) -> Entry:
    value: float | None = getattr(item, name)
    return Entry(formatting.duration(None if value is None else value / MILLISECONDS), value)


def _share(value: float | None) -> Entry:
    return Entry(formatting.UNKNOWN if value is None else formatting.share(value), value)


def _with_share(item: LogSummary) -> Entry:
    """How many errors there are: `12 (1.3%)`."""
    share = f" ({formatting.share(item.errors_share)})" if item.errors and item.errors_share else ""
    return Entry(f"{formatting.grouped(item.errors)}{share}", item.errors)


def _significant(value: float | None) -> Entry:
    return Entry(formatting.significant(value), value)


def _listed(values: list[float]) -> Entry:
    """One number, or several with commas."""
    return Entry(", ".join(map(formatting.significant, values)), values[0] if len(values) == 1 else None)
