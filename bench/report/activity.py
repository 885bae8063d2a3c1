"""What a run does now, and how long it still takes."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import final

from bench.analysis.remaining_time import RemainingTime, Work

MINUTE_S, HOUR_MIN = 60, 60


@final
class Activity:
    """Keeps one line for each piece of work that runs, and the time that is left. `now_s` reads a clock.

    Several threads report events, and another thread draws the terminal, so a lock protects the state.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._lock = Lock()
        self._remaining = RemainingTime()
        self._running: dict[Hashable, str] = {}
        self._waits_for = ""

    def plan(self, key: Hashable, work: Work) -> None:
        """Add a piece of work that will be done."""
        with self._lock:
            self._remaining.plan(key, work)

    def begin(self, key: Hashable, line: str) -> None:
        """A piece of work has begun."""
        with self._lock:
            self._remaining.begin(key, self._now_s())
            self._running[key] = line

    def move(self, key: Hashable, line: str, *, share: float = 0.0) -> None:
        """A piece of work goes on: its new line, and the share of it that is done, if that is known."""
        with self._lock:
            if share > 0:
                self._remaining.advance(key, share, self._now_s())
            self._running[key] = line

    def end(self, key: Hashable, *, took_s: float | None = None) -> None:
        """A piece of work is finished. `took_s` counts where nobody told that it had begun."""
        with self._lock:
            if took_s is not None and key not in self._running:
                self._remaining.begin(key, self._now_s() - took_s)
            self._remaining.end(key, self._now_s())
            self._running.pop(key, None)

    def wait(self, what: str) -> None:
        """Set what the run waits for while nothing runs; empty if it waits for nothing."""
        with self._lock:
            self._waits_for = what

    def lines(self) -> list[str]:
        """What runs now, or what the run waits for."""
        with self._lock:
            waiting = [f"waiting for {self._waits_for}"] if self._waits_for else []
            return list(self._running.values()) or waiting

    def left(self) -> str:
        """The time that is left: `about 38 s left` while it is rough, then `38 s left`."""
        with self._lock:
            now_s = self._now_s()
            left_s, rough = self._remaining.left_s(now_s), self._remaining.is_rough(now_s)
            if round(left_s) == 0:
                return "takes longer than estimated" if self._running else ""
            return f"{'about ' if rough else ''}{clock(left_s)} left"


def clock(seconds: float) -> str:
    """A time to wait: `45 s`, `3 min 20 s`, `1 h 20 min`."""
    minutes, rest = divmod(round(seconds), MINUTE_S)
    if minutes >= HOUR_MIN:
        return f"{minutes // HOUR_MIN} h {minutes % HOUR_MIN} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
