"""Interleaves the slices of two processes of two runs, so that interference slows both alike.

Two runs go through the same plan, each with its own process. The two processes wait for each other before a block, and
now and then within it. In each `turn` both run one slice, one after the other; the process that is second in one turn
is first in the next. A disturbance that lasts longer than a slice slows both processes, and does not change their
ratio.

The processes signal through two named pipes, one for each direction. A process does not wait for a partner that does
not come or has gone; its timings are then not paired.
"""

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, final

from bench.worker.measure.clock import now_ns

Side = Literal["base", "head"]

MEETING_LIMIT_NS = 120_000_000_000  # how long a partner may take to load, to compile and to warm up
TURN_LIMIT_S = 120.0
LOOK_S = 0.001
WORD = 16  # bytes of a message, which a pipe takes whole: its kind, the number of the last meeting, and a number
MEETING_DIGITS = 5
READY, DONE, ENDED = "r", "d", "e"


class Partner(Protocol):
    """The process of the other run, which has the other slices."""

    @property
    def alone(self) -> bool:
        """Whether this process does not wait for a partner in this block."""

    @property
    def beside(self) -> tuple[int, ...] | None:
        """The id of the other process, whose work is no disturbance; None if it is there and its id is not known."""

    def meet(self, number: int) -> int:
        """Return when both processes have called this, with the larger of their two numbers."""

    def before(self, turn: int) -> None:
        """Return when this side may begin its slice in the turn with this number in the block."""

    def after(self, turn: int) -> None:
        """Signal that the slice of this side in this turn is over."""

    def end(self) -> None:
        """Signal that this block is over on this side."""


@contextmanager
def one_after_the_other(partner: Partner) -> Iterator[None]:
    """Run the body of this context on one side first, and on the other side after it."""
    partner.meet(0)
    partner.before(0)
    yield
    partner.after(0)


@final
class Nobody:
    """See `Partner`: stands in for the other process in a run that is not interleaved; never waits."""

    alone = True
    beside: tuple[int, ...] = ()

    def meet(self, number: int) -> int:
        """This process' own number, at once."""
        return number

    def before(self, turn: int) -> None:
        """Return at once."""

    def after(self, turn: int) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """The folder in which two runs meet, named like their session, and the side of this run: `base` or `head`."""

    folder: Path
    side: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where two runs meet for one block; the block has the same name in both runs."""

    meeting: Meeting
    block: str

    @property
    def session(self) -> str:
        """The name that both runs share."""
        return self.meeting.folder.name


@final
class Neighbour:
    """See `Partner`: reaches the process of the other run through two named pipes."""

    def __init__(self, place: Place) -> None:
        self.is_first = place.meeting.side == "base"
        self.alone = self.gone = False
        self.meetings = 0
        other = "head" if place.meeting.side == "base" else "base"
        mine, theirs = (place.meeting.folder / f"{place.block}.{side}" for side in (place.meeting.side, other))
        self.their_id = theirs.with_name(f"{theirs.name}.pid")
        mine.with_name(f"{mine.name}.pid").write_text(str(os.getpid()), encoding="ascii")
        for path in (mine, theirs):
            with suppress(FileExistsError):
                os.mkfifo(path)
        self.theirs = os.open(theirs, os.O_RDONLY | os.O_NONBLOCK)
        self.mine = self._opened(mine)

    def _opened(self, path: Path) -> int:
        """The pipe to the partner, which can be opened once the partner listens; -1 if it does not in time."""
        begun = now_ns()
        while now_ns() - begun < MEETING_LIMIT_NS:
            try:
                return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                select.select([], [], [], LOOK_S)
        return -1

    @property
    def beside(self) -> tuple[int, ...] | None:
        """The id that the partner wrote beside its pipe; earlier versions of Levelfield wrote none."""
        if self.gone:
            return ()
        with suppress(OSError, ValueError):
            return (int(self.their_id.read_text(encoding="ascii")),)
        return None

    def meet(self, number: int) -> int:
        """Signal that this side is ready, and wait for the partner; messages of earlier meetings are skipped.

        If the partner is at a later meeting, it has continued alone, and this side continues alone too.
        """
        self.alone = self.gone or self.mine < 0
        self.meetings += 1
        self._tell(READY, number)
        while not self.alone:
            word, meeting, other = self._heard()
            if meeting > self.meetings:
                self._leave()
            elif word == READY and meeting == self.meetings:
                return max(number, other)
        return number

    def before(self, turn: int) -> None:
        """Wait for the partner if it is first in this turn."""
        if not self.alone and (turn % 2 == 0) != self.is_first and self._heard()[0] != DONE:
            self.alone = True

    def after(self, turn: int) -> None:
        """Signal the partner if it is second in this turn."""
        if (turn % 2 == 0) == self.is_first:
            self._tell(DONE)

    def end(self) -> None:
        """Signal that the partner need not wait any more in this block."""
        self._tell(ENDED)

    def _tell(self, word: str, number: int = 0) -> None:
        if self.mine >= 0:
            meeting = f"{self.meetings:0{MEETING_DIGITS}d}"
            with suppress(OSError):  # the partner has ended
                os.write(self.mine, f"{word}{meeting}{number:0{WORD - 1 - MEETING_DIGITS}d}".encode())

    def _heard(self) -> tuple[str, int, int]:
        """The next message of the partner: kind, meeting, number; an empty kind if it has gone or takes too long."""
        if select.select([self.theirs], [], [], TURN_LIMIT_S)[0]:
            with suppress(OSError):
                word = os.read(self.theirs, WORD).decode()
                if word:
                    return word[0], int(word[1 : 1 + MEETING_DIGITS]), int(word[1 + MEETING_DIGITS :])
        self._leave()
        return "", 0, 0

    def _leave(self) -> None:
        """Continue alone from now on; the closed pipe tells the partner."""
        self.alone = self.gone = True
        if self.mine >= 0:
            os.close(self.mine)
            self.mine = -1
