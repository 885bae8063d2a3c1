"""A log keeps every line while it is rotated, begins a line of its own after a kill, and says if it cannot write."""

import itertools
import json
from datetime import timedelta
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.records.prediction_log import files_of, read
from bench.records.prediction_writer import BACKUPS, PredictionWriter
from tests.bench.records.prediction_lines import BEGUN, SOURCE, row

SIZE = 2000  # bytes: six lines


def written(log: Path, *, calls: int, batch: int = 1) -> None:
    numbers = itertools.count()
    with PredictionWriter(log, SOURCE, size_bytes=SIZE) as writer:
        for _ in range(calls):
            writer.answered([row(next(numbers)) for _ in range(batch)], latency_ns=1, batch=batch)


@pytest.mark.parametrize("batch", [1, 4])
def test_rotation_keeps_every_line_readable_and_in_order(tmp_path: Path, batch: int) -> None:
    log = tmp_path / "log.jsonl"
    written(log, calls=24 // batch, batch=batch)
    assert 1 < len(files_of(log)) <= BACKUPS + 1
    assert [line.sample for line in read([log], warn=pytest.fail)] == list(range(24))
    assert all(path.stat().st_size <= SIZE for path in files_of(log))


def test_the_oldest_lines_are_lost_once_there_are_five_older_files(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    written(log, calls=60)
    assert len(files_of(log)) == BACKUPS + 1
    found = [line.sample for line in read([log], warn=pytest.fail)]
    assert found == list(range(60))[-len(found) :]
    assert len(found) < 60


def test_a_log_is_rotated_where_it_has_grown_in_earlier_processes(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    for _ in range(10):
        written(log, calls=1)
    assert len(files_of(log)) == 2
    assert len(read([log], warn=pytest.fail)) == 10


def test_a_call_that_is_larger_than_a_file_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    written(log, calls=2, batch=20)
    assert [len(path.read_text().splitlines()) for path in files_of(log)] == [20, 20]


def test_the_time_of_a_line_has_microseconds_and_is_in_utc(tmp_path: Path) -> None:
    times = iter([BEGUN + timedelta(microseconds=7), BEGUN + timedelta(hours=1)])
    with PredictionWriter(tmp_path / "log", SOURCE, clock=lambda: next(times)) as writer:
        writer.answered([row(0), row(1)], latency_ns=1, batch=2)
        writer.failed("no memory")
    found = [json.loads(line)["@timestamp"] for line in (tmp_path / "log").read_text().splitlines()]
    assert found == ["2026-03-04T05:00:00.000007Z"] * 2 + ["2026-03-04T06:00:00.000000Z"]


def test_a_request_that_failed_without_a_sample_is_a_line(tmp_path: Path) -> None:
    with PredictionWriter(tmp_path / "log", SOURCE) as writer:
        writer.failed("new.csv: no such file")
    (found,) = read([tmp_path / "log"], warn=pytest.fail)
    assert (found.error, found.sample, found.latency_ms) == ("new.csv: no such file", None, None)


def test_text_of_users_is_escaped(tmp_path: Path) -> None:
    text = 'a "cat"\n\\ \u2028 é'
    with PredictionWriter(tmp_path / "log", SOURCE) as writer:
        writer.answered([row(0, output=text)], latency_ns=1, batch=1)
    content = (tmp_path / "log").read_text()
    assert content.isascii()
    assert json.loads(content)["output"] == text


@pytest.mark.parametrize(("before", "after"), [(b"", b""), (b'{"torn', b'{"torn\n'), (b"whole\n", b"whole\n")])
def test_a_log_that_ends_within_a_line_gets_a_line_end_first(tmp_path: Path, before: bytes, after: bytes) -> None:
    log = tmp_path / "log"
    log.write_bytes(before)
    written(log, calls=1)
    content = log.read_bytes()
    assert content.startswith(after + b'{"@timestamp"')
    assert content.count(b"\n") == after.count(b"\n") + 1


def test_a_log_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--log: .*/no/log: cannot be written \(No such file or d"):
        PredictionWriter(tmp_path / "no" / "log", SOURCE)


def test_a_log_that_another_process_writes_is_refused_until_that_one_has_ended(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with PredictionWriter(log, SOURCE) as writer:
        with pytest.raises(UsageError, match=r"--log: .*/log\.jsonl: found another process that logs to it, expected"):
            PredictionWriter(log, SOURCE)
        with PredictionWriter(tmp_path / "other.jsonl", SOURCE) as other:
            other.failed("elsewhere")
        writer.failed("first")
    with PredictionWriter(log, SOURCE) as writer:
        writer.failed("second")
    assert [line.error for line in read([log], warn=pytest.fail)] == ["first", "second"]


def test_any_number_of_processes_can_log_to_a_device() -> None:
    with PredictionWriter(Path("/dev/null"), SOURCE), PredictionWriter(Path("/dev/null"), SOURCE) as second:
        second.failed("nobody reads it")
    assert not Path("/dev/.null.lock").exists()


def test_a_log_that_cannot_be_opened_leaves_it_unlocked(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.symlink_to(log)
    with pytest.raises(UsageError, match=r"cannot be written \(Too many levels of symbolic links\)"):
        PredictionWriter(log, SOURCE)
    log.unlink()
    with PredictionWriter(log, SOURCE) as writer:
        writer.failed("now it works")
    assert [line.error for line in read([log], warn=pytest.fail)] == ["now it works"]


def test_a_full_disk_is_an_error_and_not_a_text_on_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=r"--log: /dev/full: cannot be written \(No space left on device\)"):
        _write_to_full_disk()
    assert capsys.readouterr().err == ""


def _write_to_full_disk() -> None:
    with PredictionWriter(Path("/dev/full"), SOURCE) as writer:
        writer.answered([row(0)], latency_ns=1, batch=1)
