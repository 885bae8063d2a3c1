"""A run while it goes on: what runs, how far it is, what is left, the last figures."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from bench.analysis.successive_halving import USUAL, WORTH, gain
from bench.records.measurement import Block, Memory
from bench.records.record import Case, Certificate, Record, SearchResult
from bench.records.timing_metrics import METRICS, value
from bench.report import formatting

SHOWN_LINES = 8
LABELS = {"batch_size": "batch", "call_ns": "a call takes"}


@final
class Display:
    """Shows a run on a terminal, refreshed in place; elsewhere (a log file) one line for each finished case."""

    def __init__(self, console: Console, *, estimates: Mapping[Case, float]) -> None:
        self.console = console
        self.left_s = dict(estimates)
        self.lines: deque[Text] = deque(maxlen=SHOWN_LINES)
        self.progress = Progress(
            BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.fields[left]}"), console=console
        )
        self.task = self.progress.add_task("", total=len(estimates), left=self._left())
        self.now = Text("loading the frameworks")
        self.live = Live(get_renderable=self._picture, console=console, refresh_per_second=4)

    def __enter__(self) -> Self:
        """Begin to show."""
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the last picture on the screen."""
        if self.console.is_terminal:
            self.live.stop()

    def proving(self, workload: str, contender: str, precision: str) -> None:
        """A proof has begun."""
        self.now = Text(f"proving {workload} {contender} in {precision}")

    def tuning(self, case: Case, options: Mapping[str, str]) -> None:
        """Options are tried."""
        self.now = Text(trying(case, options))

    def tuned(self, case: Case, found: SearchResult) -> None:
        """Options are chosen."""
        self._line(Text(f"options {_whose(case)}, batch {found.batch_size}: {_chosen(found)}"))

    def proven(self, news: Mapping[str, Any], certificate: Certificate) -> None:
        """A certificate is there: of which workload, on which device, in which precision, with which options."""
        device = "" if news["device"] == "cpu" else f"on {news['device']}"
        tuned = f"with {words(news['options'])}" if news["options"] else ""
        parts = (news["workload"], certificate.contender, device, f"in {news['precision']}", tuned)
        self._line(Text(f"certificate {' '.join(filter(None, parts))}: {verdict(certificate)}"))

    def started(self, case: Case) -> None:
        """A case has begun."""
        self.now = Text(name(case))

    def moved(self, case: Case, news: Mapping[str, Any]) -> None:
        """A case has something to tell."""
        figures = ", ".join(
            f"{LABELS.get(key, key)} {_figure(key, found)}" for key, found in news.items() if key != "event"
        )
        self.now = Text(f"{name(case)}: {figures}")

    def finished(self, record: Record) -> None:
        """A record is stored."""
        self.left_s.pop(record.case, None)
        self.progress.update(self.task, advance=1, left=self._left())
        style = "" if record.outcome == "ok" else "red"
        self._line(Text(f"{name(record.case)}: {outcome(record)}", style=style))

    def _line(self, line: Text) -> None:
        self.lines.append(line)
        if not self.console.is_terminal:
            self.console.print(line, soft_wrap=True)

    def _left(self) -> str:
        return f"about {clock(sum(self.left_s.values()))} left"

    def _picture(self) -> RenderableType:
        return Group(*self.lines, Text(), self.now, self.progress)


def name(case: Case) -> str:
    """A case as one reads it: `digits-dnn pytorch training, timing 2`."""
    return f"{_whose(case)}, {case.turn}"


def _whose(case: Case) -> str:
    device = "" if case.device == "cpu" else f" on {case.device}"
    return " ".join((case.workload, f"{case.contender}{device}", *case.unusual, case.scenario))


def trying(case: Case, options: Mapping[str, str]) -> str:
    """What is tried, and at which batch sizes."""
    sizes = ", ".join(map(str, case.batch_sizes))
    return f"{_whose(case)}, batch {sizes}: trying {words(options)}"


def _chosen(found: SearchResult) -> str:
    """What a search found, or why it found nothing."""
    tried = len(found.candidates)
    if found.options and gain(found) is None:
        return f"{words(found.options)} ({USUAL} could not be timed, {tried} tried)"
    if found.options:
        return f"{words(found.options)} ({formatting.ratio(gain(found))} as fast as {USUAL}, {tried} tried)"
    if gain(found) is None:
        return f"none, {found.candidates[0].outcome}: {found.candidates[0].error}"
    return f"{USUAL} (of {tried} none is proven and {WORTH:.0%} faster)"


def words(options: Mapping[str, str]) -> str:
    """Options as one reads them; what the framework's guide says where there are none."""
    return ", ".join(f"{name} {value}" for name, value in options.items()) or USUAL


def verdict(certificate: Certificate) -> str:
    """Whether a certificate holds, or what is wrong with it."""
    if certificate.passed:
        return "passed"
    if not certificate.available:
        return f"unavailable: {certificate.problem}"
    wrong = [item for item in certificate.deviations if not item.holds]
    shown = ((item.check, item.against, *map(formatting.deviation, (item.found, item.allowed))) for item in wrong)
    reasons = (f"{check} against {other} {found}, allowed {allowed}" for check, other, found, allowed in shown)
    return f"FAILED: {certificate.problem or '; '.join(reasons)}"


def outcome(record: Record) -> str:
    """The figures of a record in one line, or what went wrong."""
    if record.outcome != "ok":
        return f"{record.outcome}: {record.error}"
    found = record.measurement
    if found.learning:
        shown = (found.learning.target_metric, "loss")
        quality = {key: score for key, score in found.learning.quality.items() if key in shown}
        return "test " + ", ".join(f"{key} {formatting.score(score)}" for key, score in quality.items())
    if found.capacity and found.capacity.largest:
        return f"{found.capacity.largest.batch_size:,} samples fit"
    if found.memory:
        return _peaks(found.memory)
    return _by_size({block.batch_size: _speed(block) for block in found.blocks})


def clock(seconds: float) -> str:
    """A time to wait: `45 s`, `3 min 20 s`, `1 h 20 min`."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:  # noqa: PLR2004 (minutes of an hour)
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _by_size(figures: Mapping[int, str]) -> str:
    return ", ".join(f"{found} at batch {size}" for size, found in figures.items())


def _peaks(found: Sequence[Memory]) -> str:
    """Those of the device where there are some: its memory is what runs out."""
    if all(item.device_peak_bytes is None for item in found):
        return "host peak " + _by_size({item.batch_size: formatting.size(item.host_peak_bytes) for item in found})
    return "device peak " + _by_size({item.batch_size: formatting.size(item.device_peak_bytes) for item in found})


def _speed(block: Block) -> str:
    return f"{formatting.count(value(METRICS['samples_per_second'], block))} samples/s"


def _figure(key: str, found: object) -> str:
    figures: dict[str, Callable[[Any], str]] = {"call_ns": lambda found: formatting.duration(found / 1e9)}
    usual = formatting.score if isinstance(found, float) else str
    return figures.get(key, usual)(found)
