"""A run on the terminal: the last results, what runs now, how many cases are done, and the time that is left."""

from collections import deque
from collections.abc import Mapping
from types import ModuleType, TracebackType
from typing import Any, Self, final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from bench.analysis.remaining_time import Work
from bench.records.record import Case, Certificate, Record, SearchResult
from bench.report import formatting
from bench.report.activity import Activity
from bench.report.case_lines import line, name, whose
from bench.report.certificates import place

SHOWN_LINES = 8
SPARE_ROWS = 3  # an empty row, the bar, and the cursor
LONGEST_WORD = 12  # so many columns of a row may stay empty, because words are not divided
NANOSECONDS = 1e9


@final
class Display:
    """Shows a run or a search on a terminal, refreshed in place; elsewhere (a log file) one line for each result.

    `estimates` are the seconds of the cases that are left, of which `untimed_at_once` run together where they are not
    timed. `done` cases of the plan were finished before, if a run is resumed. A search alone has no cases,
    and no bar. A `transient` display leaves nothing on the terminal. `elapsed_s` is how long it goes on already; None
    if that is not known.
    """

    def __init__(  # noqa: PLR0913 (what is shown, and how)
        self,
        console: Console,
        *,
        estimates: Mapping[Case, float],
        done: int = 0,
        untimed_at_once: int = 1,
        transient: bool = False,
        elapsed_s: float | None = 0.0,
        refreshes_per_second: float = 4,
    ) -> None:
        self.console = console
        self.activity = Activity(console.get_time)
        for case, seconds in estimates.items():
            self.activity.plan(case, _work(case, seconds, untimed_at_once=untimed_at_once))
        self.planned_cases = tuple(estimates)
        self.left = set(estimates)
        self.failed: set[Case] = set()
        self.lines: deque[Text] = deque(maxlen=SHOWN_LINES)
        of = "{task.completed} of {task.total} cases"
        clock = () if elapsed_s is None else (TimeElapsedColumn(),)
        columns = (BarColumn(), TextColumn(of), *clock, TextColumn("{task.fields[left]}"))
        self.progress = Progress(*columns, console=console)
        self.task = self.progress.add_task("", total=len(estimates) + done, completed=done, left="")
        self.progress.tasks[0].start_time = self.progress.get_time() - (elapsed_s or 0.0)
        self.live = Live(
            get_renderable=self._picture,
            console=console,
            refresh_per_second=refreshes_per_second,
            transient=transient,
        )

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
        self.activity.move(work, _searches().trying(case, news), share=news["share"])

    def tuned(self, case: Case, found: SearchResult) -> None:
        """Options are chosen."""
        self._line(Text(f"options {whose(case)}, batch {found.batch_size}: {_searches().chosen(found)}"))

    def proven(self, news: Mapping[str, Any], certificate: Certificate) -> None:
        """A certificate is made: of which workload, on which device, in which precision, with which options."""
        device = "" if news["device"] == "cpu" else f"on {news['device']}"
        tuned = f"with {_searches().words(news['options'])}" if news["options"] else ""
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
        self.activity.end(record.case, took_s=record.duration_s)
        self.activity.wait("the next case to start" if self.left else "")
        is_failed = record.outcome not in {"ok", "unavailable"}
        (self.failed.add if is_failed else self.failed.discard)(record.case)
        style = "" if record.outcome == "ok" else "red"
        self._line(Text(line(record), style=style))

    def failures(self) -> str:
        """How many cases failed: `2 failed`; empty if none did."""
        return f"{len(self.failed)} failed" if self.failed else ""

    def _line(self, text: Text) -> None:
        self.lines.append(text)
        if not self.console.is_terminal:
            self.console.print(text, soft_wrap=True)

    def _picture(self) -> RenderableType:
        left = self.activity.left()
        self.progress.update(self.task, left=", ".join(filter(None, (self.failures(), left))))
        below = self.progress if self.progress.tasks[0].total else Text(left)
        running = self.activity.lines()
        return Group(*self._fitting(SPARE_ROWS + len(running)), Text(), *map(Text, running), below)

    def _fitting(self, other_rows: int) -> list[Text]:
        """The last lines that fit on the screen above so many other rows, at least one; else the bar would be cut."""
        room, shown = self.console.height - other_rows, list[Text]()
        for text in reversed(self.lines):
            room -= -(-text.cell_len // max(1, self.console.width - LONGEST_WORD))
            if room < 0 and shown:
                break
            shown.insert(0, text)
        return shown


def _searches() -> ModuleType:
    """The words for searches. They need SciPy, which takes half a second to import, so it waits for a search."""
    from bench.report import search_lines

    return search_lines


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
    if "load" in news:
        at = f" at {formatting.count(news['per_s'])} queries/s" if news["per_s"] else ""
        verdict = f": {news['verdict']}" if news["verdict"] else ""
        return f" (run {news['run']}{at}{verdict})", 0.0
    if "outcome" in news:
        found = "fits" if news["outcome"] == "ok" else news["outcome"]
        return f", another batch size (batch {news['batch_size']}: {found})", 0.0
    return "", 0.0


def verdict(certificate: Certificate) -> str:
    """Whether a certificate holds, or what is wrong with it."""
    if certificate.passed:
        return "proven equal"
    if not certificate.available:
        return f"unavailable: {certificate.problem}"
    if certificate.alone:
        return f"no proof: {certificate.problem}"
    wrong = [item for item in certificate.deviations if not item.holds]
    reasons = (
        f"{item.check} deviates from {item.against} by {formatting.deviation(item.found)}, "
        f"allowed {formatting.limit(item.allowed)}{place(item)}"
        for item in wrong
    )
    return f"proof failed: {certificate.problem or '; '.join(reasons)}"
