"""The load generator, with a fault: it sends every tenth query 20 ms late."""

from bench.worker.measure.clock import now_ns
from bench.worker.serving import generator
from bench.worker.serving.mailbox import Mailbox

LATE_NS = 20_000_000


class LateMailbox:
    """A mailbox into which queries come late."""

    def __init__(self, descriptor: int, queries: int) -> None:
        self.box = Mailbox(descriptor, queries)
        self.sample, self.sent, self.returned = self.box.sample, self.box.sent, self.box.returned

    @property
    def answered(self) -> int:
        """How many queries the server has answered."""
        return self.box.answered

    @property
    def is_ready(self) -> bool:
        """Whether the generator has started."""
        return self.box.is_ready

    @is_ready.setter
    def is_ready(self, value: bool) -> None:
        self.box.is_ready = value

    @property
    def may_begin(self) -> bool:
        """Whether the generator may send queries."""
        return self.box.may_begin

    @property
    def posted(self) -> int:
        """How many queries were sent; the generator reads it before it sends one."""
        end = now_ns() + (LATE_NS if self.box.posted % 10 == 9 else 0)
        while now_ns() < end:
            pass
        return self.box.posted

    @posted.setter
    def posted(self, count: int) -> None:
        self.box.posted = count


if __name__ == "__main__":
    generator.Mailbox = LateMailbox  # type: ignore[assignment, attr-defined]
    generator.main()
