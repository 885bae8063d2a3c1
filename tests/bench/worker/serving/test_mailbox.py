"""The memory that the load generator and the server share."""

import os

import pytest

from bench.errors import BenchError
from bench.worker.serving.mailbox import COLUMNS, Mailbox, shared_file


def test_what_one_side_writes_the_other_one_reads() -> None:
    with shared_file(10) as file:
        ours, theirs = Mailbox(file.fileno(), 10), Mailbox(file.fileno(), 10)
        ours.sample[3], ours.posted = 7, 4
        assert (theirs.sample[3], theirs.posted, theirs.answered) == (7, 4, 0)
        theirs.answered = 2
        assert ours.answered == 2
        kept = ours.columns()
        assert set(kept) == set(COLUMNS)
        ours.sample[3] = 8
        assert kept["sample"][3] == 7, "a copy"


def test_no_room_is_an_error_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    words = r"found no room for 480 MB \(No space left on device\), which 10,000,000 queries need"
    with pytest.raises(BenchError, match=words):
        shared_file(10_000_000)
