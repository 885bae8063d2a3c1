"""Rows of a CSV file come with the lines of the file, and a file that is no text is named for what it is."""

from pathlib import Path

import pytest

from bench.datasets.own_files import rows
from bench.errors import DataError


def written(folder: Path, content: bytes) -> Path:
    path = folder / "rows.csv"
    path.write_bytes(content)
    return path


def lines(folder: Path, content: bytes) -> list[tuple[int, list[str]]]:
    return [(row.line, row.cells) for row in rows.rows(written(folder, content))]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\n1,2\n\n3,4\n", [1, 2, 4]),
        (b'a,b\n"x\ny",2\n3,4\n', [1, 2, 4]),
        (b"a,b\r\n\r\n1,2\r\n3,4", [1, 3, 4]),
        (b"a,b\r1,2\r\r3,4\r", [1, 2, 4]),
        (b"\n  \na,b\n1,2\n", [3, 4]),
    ],
)
def test_rows_have_lines_of_the_file_after_blank_lines_and_quoted_breaks(
    tmp_path: Path, content: bytes, expected: list[int]
) -> None:
    assert [line for line, _ in lines(tmp_path, content)] == expected
    assert expected != list(range(1, len(expected) + 1)), "otherwise counted rows would pass too"


def test_a_cell_behind_a_quoted_break_has_the_line_on_which_it_begins(tmp_path: Path) -> None:
    (row,) = rows.rows(written(tmp_path, b'1,"x\r\ny\nz",2\n'))
    assert [row.line_of(place) for place in range(3)] == [1, 1, 3]


def test_blanks_after_a_comma_do_not_hide_a_quote(tmp_path: Path) -> None:
    assert lines(tmp_path, b'1, "x, y",2\n') == [(1, ["1", "x, y", "2"])]


@pytest.mark.parametrize("blank", [" ", "\t", "\N{NO-BREAK SPACE}", "\ufeff", "\N{ZERO WIDTH SPACE}", "\r"])
def test_no_kind_of_blank_counts_around_a_cell(blank: str) -> None:
    assert rows.clean(f"{blank}x{blank}") == "x"
    assert rows.clean(f"x{blank}y") != "xy"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", r"rows\.csv: found an empty file"),
        (b"\n \n", r"rows\.csv: found an empty file"),
        (b"a,b\n1,\x00\n", r"rows\.csv, line 2: found a NUL byte"),
        (
            "a,b\n1,2\n".encode("utf-16"),
            r'rows\.csv.*found text that is not UTF-8.*UTF-16: set dataset\.encoding = "utf-16"',
        ),
        ("a,b\n1,2\n".encode("utf-16-le"), r"rows\.csv, line 1: found a NUL byte.* is it UTF-16\?"),
        (b"a,b\n\n1,\xe9\n", r"rows\.csv, line 3: found text that is not UTF-8 \(the byte 0xe9\).*Latin-1"),
        (b"a,b\r1,\xe9\r", r"rows\.csv, line 2: found text that is not UTF-8"),
        (b'{"a": 1}\n', r"found JSON"),
        (b"\n[\n  [1, 2]\n]\n", r"found JSON"),
        (b"[1, 2, 3]\n", r"found JSON"),
        (b"<!DOCTYPE html>\n<html>\n", r"found HTML"),
        (b"<table><tr>\n", r"found HTML"),
        (b'<?xml version="1.0"?>\n', r"found XML"),
        (b"%PDF-1.7\n", r"found a PDF file"),
        (b"SQLite format 3\x00", r"found a database of SQLite"),
        (b"PK\x03\x04\x00", r"found a ZIP file, such as a workbook of Excel"),
        (b"\x1f\x8b\x08", r"found a file that is compressed with gzip"),
        (b'a,b\n1,2\n"3,4\n5,6\n', r"rows\.csv, line 3: found a quote that is not closed"),
        (b'a,b\n"1"2,3\n', r"rows\.csv, line 2: found text after a closing quote"),
        (b'a,b\n"' + b"x" * 200_000, r"rows\.csv, line 2: found a cell of more than 131072 characters"),
    ],
)
def test_a_file_that_is_no_table_is_named_for_what_it_is(tmp_path: Path, content: bytes, found: str) -> None:
    with pytest.raises(DataError, match=found) as caught:
        lines(tmp_path, content)
    assert "expected a table of separated values" in str(caught.value)


@pytest.mark.parametrize("line", ["<DATE>,<OPEN>", "[m],x", "{x},y", "[1],2"])
def test_names_in_brackets_are_no_other_format(tmp_path: Path, line: str) -> None:
    assert len(lines(tmp_path, f"{line}\n1,2\n".encode())) == 2


def test_a_quote_in_a_wrong_place_is_told_with_what_to_write(tmp_path: Path) -> None:
    for content in (b'a,b\n"3,4\n5,6\n', b'a,b\n"1"2,3\n'):
        with pytest.raises(DataError, match=r"close the quote, and write a quote inside a cell twice"):
            lines(tmp_path, content)
    assert lines(tmp_path, b'"5"" pipe",2\n') == [(1, ['5" pipe', "2"])]


@pytest.mark.parametrize(
    ("path", "found"),
    [("none.csv", "no such file"), (".", r"cannot be read \(Is a directory\)"), ("a\0b", "found a NUL character in")],
)
def test_a_path_that_cannot_be_read_is_named(tmp_path: Path, path: str, found: str) -> None:
    with pytest.raises(DataError, match=found):
        next(rows.rows(tmp_path / path))


def test_utf_8_with_and_without_a_mark_is_read(tmp_path: Path) -> None:
    for content in ("a,é\n".encode(), "\ufeffa,é\n".encode()):
        assert lines(tmp_path, content) == [(1, ["a", "é"])]


def test_a_name_in_a_message_has_no_line_break_and_is_cut() -> None:
    assert rows.plain("a\nb") == r"'a\nb'"
    assert rows.plain("price") == "price"
    assert len(rows.plain("x" * 1000)) < 50
