"""Sends the parts of a run to machines: a part is a whole workload, and a machine has one part at a time.

What is compared comes from one machine, so a part is never divided. A part that has begun on a machine goes on there or
nowhere: if the machine is lost, the rest of the part is not measured elsewhere.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

Kind = Literal["line", "log", "told", "ended", "lost"]


class Part(NamedTuple):
    """A workload of a run, and the machine that has begun it; None if none has."""

    workload: str
    machine: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a machine tells of its part: a record as a `line`, a sentence, its end with an exit code, or its loss.

    A `log` is the end of a file with this `name`, in which libraries have written.
    """

    machine: str
    kind: Kind
    text: str = ""
    name: str = ""
    code: int = 0


class Executor(Protocol):
    """Machines that run parts. `local` is the machine of the command itself, and needs none of this."""

    def machines(self) -> Sequence[str]:
        """The names of the machines that can run parts now."""

    def start(self, part: Part, machine: str) -> None:
        """Begin a part on a machine that has none."""

    def news(self) -> News:
        """The next news of any part that has begun; waits for it."""

    def stop(self) -> None:
        """Interrupt all parts. Their last lines and their ends follow as news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How the parts of a run ended: with which exit codes, which were lost with their machine, which found none."""

    codes: dict[str, int]
    lost: tuple[Part, ...] = ()
    left: tuple[Part, ...] = ()


Keep = Callable[[News], None]  # for each record and each log
Tell = Callable[[str], None]


def send(parts: Iterable[Part], executor: Executor, *, keep: Keep, tell: Tell) -> Sent:
    """Run all parts, and keep each record and log as soon as it arrives.

    After an interrupt the machines are told to stop, their last records are kept, and it is raised again.
    """
    waiting, busy = list(parts), dict[str, Part]()
    able = list(executor.machines())
    codes: dict[str, int] = {}
    lost: list[Part] = []
    try:
        while True:
            for part, machine in _pairs(waiting, [name for name in able if name not in busy]):
                tell(f"{part.workload}: begins on {machine}")
                executor.start(part, machine)  # it may take long, and be interrupted
                busy[machine] = part
                waiting.remove(part)
            if not busy:
                return Sent(codes=codes, lost=tuple(lost), left=tuple(waiting))
            news = executor.news()
            _noted(news, busy, codes, keep=keep, tell=tell)
            if news.kind == "lost":
                able.remove(news.machine)
                lost.append(Part(busy.pop(news.machine).workload, news.machine))
    except KeyboardInterrupt:
        tell("interrupted: the machines end what they measure now")
        executor.stop()
        while busy:
            news = executor.news()
            _noted(news, busy, codes, keep=keep, tell=tell)
            if news.kind == "lost":
                del busy[news.machine]
        raise


def _pairs(waiting: Sequence[Part], free: Sequence[str]) -> Iterator[tuple[Part, str]]:
    """The parts that can begin now, each with its machine; those that have begun somewhere come first."""
    left = list(free)
    for part in sorted(waiting, key=lambda item: item.machine is None):
        machine = next((name for name in left if part.machine in {None, name}), None)
        if machine is not None:
            left.remove(machine)
            yield part, machine


def _noted(news: News, busy: dict[str, Part], codes: dict[str, int], *, keep: Keep, tell: Tell) -> None:
    """Keep a record or a log, pass on a sentence, or note an end."""
    workload = busy[news.machine].workload
    if news.kind in {"line", "log"}:
        keep(news)
    elif news.kind == "told":
        tell(f"{workload} on {news.machine}: {news.text}")
    elif news.kind == "ended":
        codes[workload] = news.code
        tell(f"{workload}: ended on {news.machine} with exit code {news.code}{f': {news.text}' if news.text else ''}")
        del busy[news.machine]
    else:
        tell(f"{workload}: {news.machine} is lost ({news.text}); what it has not measured is missing")
