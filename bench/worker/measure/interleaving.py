"""Rounds in turns with a process that does the same work elsewhere, so that what the machine does it does to both.

Two runs go through the same plan, each with a process of its own. Both wait for each other before a block and now and
then within it, and hand a baton over: one round here, one there, whoever was second is first in the next. A disturbance
that lasts longer than a round is then on both sides, and no part of their ratio.

The baton goes through two named pipes, one for each direction. A partner that does not come, or that has gone, is not
waited for: what is timed without it is not paired.
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

MEETING_LIMIT_NS = 120_000_000_000  # what a partner may take to load, to compile and to warm up
TURN_LIMIT_S = 120.0
LOOK_S = 0.001
WORD = 16  # bytes, which a pipe takes whole: what is said, the number of the last meeting, and a number
MEETING_DIGITS = 5
READY, DONE, ENDED = "r", "d", "e"


class Partner(Protocol):
    """Whoever takes the other turns."""

    @property
    def alone(self) -> bool:
        """Whether there is nobody to wait for, in this block."""

    def meet(self, number: int) -> int:
        """Return when both are here, with the larger of the numbers that they brought."""

    def before(self, turn: int) -> None:
        """Return when this turn, by its number in the block, may begin."""

    def after(self, turn: int) -> None:
        """This turn is over."""

    def end(self) -> None:
        """This block is over on this side."""


@contextmanager
def one_after_the_other(partner: Partner) -> Iterator[None]:
    """What is done here, one side does when the other one has done it."""
    partner.meet(0)
    partner.before(0)
    yield
    partner.after(0)


@final
class Nobody:
    """Whoever works alone waits for nobody."""

    alone = True

    def meet(self, number: int) -> int:
        """The own number."""
        return number

    def before(self, turn: int) -> None:
        """Begin at once."""

    def after(self, turn: int) -> None:
        """Nobody needs to know."""

    def end(self) -> None:
        """Nobody needs to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """A folder in which two runs meet, named as their session is, and which of them this one is."""

    folder: Path
    side: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where two runs meet for one block, by its name in both."""

    meeting: Meeting
    block: str

    @property
    def session(self) -> str:
        """What both runs are called by together."""
        return self.meeting.folder.name


@final
class Neighbour:
    """See `Partner`: the process of the other run that is at the same place."""

    def __init__(self, place: Place) -> None:
        self.is_first = place.meeting.side == "base"
        self.alone = self.gone = False
        self.meetings = 0
        other = "head" if place.meeting.side == "base" else "base"
        mine, theirs = (place.meeting.folder / f"{place.block}.{side}" for side in (place.meeting.side, other))
        for path in (mine, theirs):
            with suppress(FileExistsError):
                os.mkfifo(path)
        self.theirs = os.open(theirs, os.O_RDONLY | os.O_NONBLOCK)
        self.mine = self._opened(mine)

    def _opened(self, path: Path) -> int:
        """The pipe to the other one, which can be opened when that one listens; -1 where it never does."""
        begun = now_ns()
        while now_ns() - begun < MEETING_LIMIT_NS:
            try:
                return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                select.select([], [], [], LOOK_S)
        return -1

    def meet(self, number: int) -> int:
        """Tell that this side is ready, and wait for the other; what is left of what was before is passed over.

        Whoever is at a later meeting has gone on alone, and is not met again.
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
        """Wait for the other one where it is first in this turn."""
        if not self.alone and (turn % 2 == 0) != self.is_first and self._heard()[0] != DONE:
            self.alone = True

    def after(self, turn: int) -> None:
        """Hand the baton over where the other one is second in this turn."""
        if (turn % 2 == 0) == self.is_first:
            self._tell(DONE)

    def end(self) -> None:
        """The other one need not wait any more in this block."""
        self._tell(ENDED)

    def _tell(self, word: str, number: int = 0) -> None:
        if self.mine >= 0:
            with suppress(OSError):  # whoever has gone hears nothing
                meeting = f"{self.meetings:0{MEETING_DIGITS}d}"
            os.write(self.mine, f"{word}{meeting}{number:0{WORD - 1 - MEETING_DIGITS}d}".encode())

    def _heard(self) -> tuple[str, int, int]:
        """The next word of the other one, its meeting and its number; none where it has gone or takes too long."""
        if select.select([self.theirs], [], [], TURN_LIMIT_S)[0]:
            with suppress(OSError):
                word = os.read(self.theirs, WORD).decode()
                if word:
                    return word[0], int(word[1 : 1 + MEETING_DIGITS]), int(word[1 + MEETING_DIGITS :])
        self._leave()
        return "", 0, 0

    def _leave(self) -> None:
        """Go on alone for good; the other one hears of it."""
        self.alone = self.gone = True
        if self.mine >= 0:
            os.close(self.mine)
            self.mine = -1
