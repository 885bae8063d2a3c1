"""A records file that grows is read line by line: each record once, and only when its line is whole."""

import os
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.records.appended_records import AppendedRecords
from bench.records.record import Record
from bench.records.record_lines import to_line
from bench.records.store import RunFolder
from tests.bench.sample_records import record

FIRST, SECOND, THIRD = (record(replicate=number, order=number) for number in range(3))


def lines(*records: Record) -> bytes:
    return "".join(f"{to_line(item)}\n" for item in records).encode()


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that does not exist yet."""
    return tmp_path / "records.jsonl"


def test_each_record_comes_once_and_is_that_of_the_store(path: Path) -> None:
    growing = AppendedRecords(path, warn=pytest.fail)
    assert growing.new() == []
    append(path, lines(FIRST, SECOND))
    assert growing.new() == [FIRST, SECOND]
    assert growing.new() == []
    append(path, lines(THIRD))
    assert growing.new() == [THIRD]
    assert RunFolder(path).read(warn=pytest.fail) == [FIRST, SECOND, THIRD]


def test_a_line_that_is_being_written_waits_for_its_end(path: Path) -> None:
    growing, whole = AppendedRecords(path, warn=pytest.fail), lines(SECOND)
    append(path, lines(FIRST) + whole[:100])
    assert growing.new() == [FIRST]
    append(path, whole[100:-1])
    assert growing.new() == [], "the line end is missing"
    append(path, whole[-1:])
    assert growing.new() == [SECOND]


def test_a_line_that_was_cut_off_is_named_if_nobody_writes_any_more(path: Path) -> None:
    said: list[str] = []
    growing = AppendedRecords(path, warn=said.append)
    append(path, lines(FIRST) + lines(SECOND)[:100])
    assert growing.new() == [FIRST]
    assert said == []
    assert growing.new(is_last=True) == []
    cut_off = "found the beginning of a record, expected a record as a line of JSON: the file is cut off here"
    assert said == [f"{path}:2: skipped, {cut_off}"]


def test_a_whole_record_without_a_line_end_counts_if_nobody_writes_any_more(path: Path) -> None:
    append(path, lines(FIRST)[:-1])
    growing = AppendedRecords(path, warn=pytest.fail)
    assert growing.new() == []
    assert growing.new(is_last=True) == [FIRST]


def test_a_line_that_another_attempt_has_ended_is_named_with_its_number(path: Path) -> None:
    said: list[str] = []
    growing = AppendedRecords(path, warn=said.append)
    append(path, lines(FIRST) + lines(SECOND)[:100])
    assert growing.new() == [FIRST]
    RunFolder(path).append(THIRD)
    assert growing.new() == [THIRD]
    assert [line.partition(": ")[0] for line in said] == [f"{path}:2"]


def test_only_what_was_added_is_read(path: Path) -> None:
    append(path, lines(FIRST))
    growing = AppendedRecords(path, warn=pytest.fail)
    assert growing.new() == [FIRST]
    size = path.stat().st_size
    append(path, lines(SECOND))
    with path.open("r+b") as file:
        file.write(b"#" * size)  # whoever reads this again finds no record
    assert growing.new() == [SECOND]


def test_a_file_that_became_shorter_is_read_from_its_beginning(path: Path) -> None:
    append(path, lines(FIRST, SECOND))
    growing = AppendedRecords(path, warn=pytest.fail)
    assert growing.new() == [FIRST, SECOND]
    path.write_bytes(lines(THIRD))
    assert growing.new() == [THIRD]


def test_what_cannot_be_read_is_one_error(path: Path) -> None:
    path.mkdir()
    os.utime(path)
    with pytest.raises(UsageError, match=r"records\.jsonl: cannot be read \(Is a directory\), expected a file"):
        AppendedRecords(path, warn=pytest.fail).new()
