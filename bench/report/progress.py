"""A run on the terminal: the last results, what runs now, how many cases are done, and the time that is left."""

from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from bench.analysis.disturbance import disturbances, largest
from bench.analysis.remaining_time import Work
from bench.analysis.successive_halving import USUAL, WORTH, gain
from bench.records.measurement import Block, Memory
from bench.records.record import Case, Certificate, Record, SearchResult
from bench.records.timing_metrics import METRICS, value
from bench.report import formatting
from bench.report.activity import Activity
from bench.report.certificates import place

SHOWN_LINES = 8
NANOSECONDS = 1e9


@final
class Display:
    """Shows a run or a search on a terminal, refreshed in place; elsewhere (a log file) one line for each result.

    `estimates` are the seconds of the cases that are left, of which `untimed_at_once` run together where they are not
    timed. `done` cases of the plan were finished before, if a run is resumed. A search alone has no cases,
    and no bar. A `transient` display leaves nothing on the terminal.
    """

    def __init__(
        self,
        console: Console,
        *,
        estimates: Mapping[Case, float],
        done: int = 0,
        untimed_at_once: int = 1,
        transient: bool = False,
    ) -> None:
        self.console = console
        self.activity = Activity(console.get_time)
        for case, seconds in estimates.items():
            self.activity.plan(case, _work(case, seconds, untimed_at_once=untimed_at_once))
        self.left = set(estimates)
        self.lines: deque[Text] = deque(maxlen=SHOWN_LINES)
        of = "{task.completed} of {task.total} cases"
        columns = (BarColumn(), TextColumn(of), TimeElapsedColumn(), TextColumn("{task.fields[left]}"))
        self.progress = Progress(*columns, console=console)
        self.task = self.progress.add_task("", total=len(estimates) + done, completed=done, left="")
        self.live = Live(get_renderable=self._picture, console=console, refresh_per_second=4, transient=transient)

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

    def planned(self, work: Work) -> None:
        """Add a piece of work that is no case."""
        self.activity.plan(work, work)

    def begun(self, work: Work) -> None:
        """A piece of work that is no case has begun."""
        self.activity.plan(work, work)
        self.activity.begin(work, work.name)

    def ended(self, work: Work) -> None:
        """A piece of work that is no case is finished."""
        self.activity.end(work)

    def waiting(self, what: str) -> None:
        """While nothing runs, the run waits for this."""
        self.activity.wait(what)

    def tuning(self, work: Work, case: Case, news: Mapping[str, Any]) -> None:
        """A search has begun to time some candidates."""
        self.activity.move(work, trying(case, news), share=news["share"])

    def tuned(self, case: Case, found: SearchResult) -> None:
        """Options are chosen."""
        self._line(Text(f"options {_whose(case)}, batch {found.batch_size}: {_chosen(found)}"))

    def proven(self, news: Mapping[str, Any], certificate: Certificate) -> None:
        """A certificate is made: of which workload, on which device, in which precision, with which options."""
        device = "" if news["device"] == "cpu" else f"on {news['device']}"
        tuned = f"with {words(news['options'])}" if news["options"] else ""
        parts = (news["workload"], certificate.contender, device, f"in {news['precision']}", tuned)
        self._line(Text(f"certificate {' '.join(filter(None, parts))}: {verdict(certificate)}"))

    def started(self, case: Case) -> None:
        """A case has begun."""
        self.activity.begin(case, name(case))

    def moved(self, case: Case, news: Mapping[str, Any]) -> None:
        """A case goes on: it has done an epoch or a batch size."""
        doing, share = _doing(case, news)
        self.activity.move(case, f"{name(case)}{doing}", share=share)

    def measured(self, case: Case) -> None:
        """The process of a case has ended; its record is not stored yet."""
        self.activity.end(case)
        self.activity.wait(f"the record of {name(case)} to be stored")

    def finished(self, record: Record) -> None:
        """A record is stored; the second record of one case is another attempt."""
        self.progress.update(self.task, advance=int(record.case in self.left))
        self.left.discard(record.case)
        self.activity.end(record.case)
        self.activity.wait("the next case to start" if self.left else "")
        style = "" if record.outcome == "ok" else "red"
        self._line(Text(f"{name(record.case)}: {outcome(record)}", style=style))

    def _line(self, line: Text) -> None:
        self.lines.append(line)
        if not self.console.is_terminal:
            self.console.print(line, soft_wrap=True)

    def _picture(self) -> RenderableType:
        left = self.activity.left()
        self.progress.update(self.task, left=left)
        below = self.progress if self.progress.tasks[0].total else Text(left)
        return Group(*self.lines, Text(), *map(Text, self.activity.lines()), below)


def _work(case: Case, seconds: float, *, untimed_at_once: int) -> Work:
    return Work(
        name=name(case),
        purpose=case.purpose,
        framework=case.contender,
        estimate_s=seconds,
        at_once=untimed_at_once if case.purpose == "memory" else 1,
        is_case=True,
    )


def _doing(case: Case, news: Mapping[str, Any]) -> tuple[str, float]:
    """What a case does now, and the share of it that is done; the news are of what it has just done."""
    if "epoch" in news:
        done, of = news["epoch"], news["epochs"]
        figures = (f"{key} {formatting.score(found)}" for key, found in news.items() if isinstance(found, float))
        now = f"epoch {done + 1} of {of}" if done < of else "the test set"
        return f", {now} (after epoch {done}: {', '.join(figures)})", done / of
    if "call_ns" in news:
        done = 1 + case.batch_sizes.index(news["batch_size"])
        now = f", batch {case.batch_sizes[done]}" if done < len(case.batch_sizes) else ""
        took = formatting.duration(news["call_ns"] / NANOSECONDS)
        return f"{now} (batch {news['batch_size']}: {took} for a call)", done / len(case.batch_sizes)
    if "outcome" in news:
        found = "fits" if news["outcome"] == "ok" else news["outcome"]
        return f", another batch size (batch {news['batch_size']}: {found})", 0.0
    return "", 0.0


def name(case: Case) -> str:
    """A case in words: `digits-dnn pytorch training, timing 2`."""
    return f"{_whose(case)}, {case.turn}"


def _whose(case: Case) -> str:
    device = "" if case.device == "cpu" else f" on {case.device}"
    return " ".join((case.workload, f"{case.contender}{device}", *case.unusual, case.scenario))


def trying(case: Case, news: Mapping[str, Any]) -> str:
    """Which candidates of a search are timed now, and at which batch sizes."""
    sizes = ", ".join(map(str, case.batch_sizes))
    first, last = news["first"], news["first"] + len(news["options"]) - 1
    which = f"candidate {first}" if first == last else f"candidates {first} to {last}"
    where = f"{which} of {news['candidates']}, round {news['round']} of {news['rounds']}"
    return f"{_whose(case)}, batch {sizes}: {where}: {'; '.join(map(words, news['options']))}"


def _chosen(found: SearchResult) -> str:
    """The options that a search chose, or why it chose none."""
    tried = len(found.candidates)
    if found.options and gain(found) is None:
        return f"{words(found.options)} (the {USUAL} could not be timed, {tried} tried)"
    if found.options:
        return f"{words(found.options)} ({formatting.ratio(gain(found))} as fast as the {USUAL}, {tried} tried)"
    if gain(found) is None:
        return f"none, {found.candidates[0].outcome}: {found.candidates[0].error}"
    return f"{USUAL} (none of the {tried} candidates is proven equal and {WORTH:.0%} faster)"


def words(options: Mapping[str, str]) -> str:
    """Options in words; the default where there are none."""
    return ", ".join(f"{name} {value}" for name, value in options.items()) or USUAL


def verdict(certificate: Certificate) -> str:
    """Whether a certificate holds, or what is wrong with it."""
    if certificate.passed:
        return "proven equal"
    if not certificate.available:
        return f"unavailable: {certificate.problem}"
    wrong = [item for item in certificate.deviations if not item.holds]
    reasons = (
        f"{item.check} deviates from {item.against} by {formatting.deviation(item.found)}, "
        f"allowed {formatting.limit(item.allowed)}{place(item)}"
        for item in wrong
    )
    return f"proof failed: {certificate.problem or '; '.join(reasons)}"


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
    return _by_size({block.batch_size: _speed(block) for block in found.blocks}) + _disturbed(record)


def _disturbed(record: Record) -> str:
    """What disturbed the blocks of a record; empty if nothing did."""
    case = record.case
    found = largest(
        item
        for block in record.measurement.blocks
        for item in disturbances(block, threads=case.threads, device=case.device)
    )
    return f" (disturbed: {', '.join(item.words for item in found)})" if found else ""


def _by_size(figures: Mapping[int, str]) -> str:
    return ", ".join(f"{found} at batch {size}" for size, found in figures.items())


def _peaks(found: Sequence[Memory]) -> str:
    """The peaks of the device where it has memory of its own, since that is what runs out first; else of the host."""
    if all(item.device_peak_bytes is None for item in found):
        return "host peak " + _by_size({item.batch_size: formatting.size(item.host_peak_bytes) for item in found})
    return "device peak " + _by_size({item.batch_size: formatting.size(item.device_peak_bytes) for item in found})


def _speed(block: Block) -> str:
    return f"{formatting.count(value(METRICS['samples_per_second'], block))} samples/s"
