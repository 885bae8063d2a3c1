"""Labels of a target column: blanks do not count, and labels that look alike or are missing are refused."""

from array import array
from pathlib import Path

import pytest

from bench.datasets.own_files import labels
from bench.datasets.own_files.columns import Cells
from bench.datasets.own_files.header import Header
from bench.datasets.own_files.labels import Labels


def read(*texts: str, classes: tuple[str, ...] | None = None) -> Labels:
    cells = Cells(header=Header(Path("flats.csv"), 1, ("a", "sold")), columns=[], text=1)
    cells.texts, cells.lines = list(texts), array("q", range(2, len(texts) + 2))
    return labels.read(cells, classes)


def test_labels_are_numbered_in_the_order_of_their_names() -> None:
    found = read("yes", "no", "yes")
    assert found.names == ("no", "yes")
    assert found.values.tolist() == [1, 0, 1]
    assert not found.problems
    assert read("yes", "no", "yes", classes=("yes", "no")).values.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ("Yes", "yes", "differ only in case or in blanks"),
        ("new  york", "new york", "differ only in case or in blanks"),
        ("new\N{NO-BREAK SPACE}york", "new york", "differ only in case or in blanks"),
        ("1", "1.0", "are the same number"),
        ("01", "1", "are the same number"),
    ],
)
def test_labels_that_look_alike_are_refused_unless_they_are_listed(one: str, other: str, why: str) -> None:
    (problem,) = read(one, "third", other).problems
    assert problem.startswith("column 'sold': found the labels ")
    assert why in problem
    assert "dataset.classes" in problem
    assert not read(one, "third", other, classes=(one, "third", other)).problems


@pytest.mark.parametrize(
    "texts",
    [
        ("1", "2", "10", "a", "b"),
        ("12345678901234567890", "12345678901234567891"),
        ("inf", "1e400"),
        ("1e99999999999999999999", "7"),
    ],
)
def test_labels_that_differ_do_not_look_alike(texts: tuple[str, ...]) -> None:
    assert not read(*texts).problems


class Counted(str):
    """A text that counts how often it is compared with another one."""

    __slots__ = ()
    comparisons = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        """Whether the texts are equal."""
        Counted.comparisons += 1
        return str.__eq__(self, other)


def test_a_label_is_not_compared_with_every_other_one() -> None:
    """A column of quantities, taken for classes by mistake, has as many labels as rows."""
    texts = [Counted(f"w{number}") for number in range(500)]
    assert len(read(*texts).names) == 500
    assert Counted.comparisons < 50 * len(texts)
    Counted.comparisons = 0
    assert "other" not in texts
    assert Counted.comparisons == len(texts), "comparisons are counted"


@pytest.mark.parametrize("text", ["", "NA", "nan", "?", "null"])
def test_a_missing_label_is_refused_with_its_line(text: str) -> None:
    (problem,) = read("yes", text, "no", text).problems
    assert problem.startswith(
        f"line 3, column 'sold': found {repr(text) if text else 'an empty cell'} (and 1 more cell)"
    )
    assert "expected one of no, yes" in problem
    assert not text or not read("yes", text, "no", text, classes=("no", "yes", text)).problems


def test_all_words_for_a_missing_label_are_one_count() -> None:
    (problem,) = read("yes", "NA", "no", "", "n/a", "NA").problems
    assert problem.startswith("line 3, column 'sold': found 'NA' (and 3 more cells), also an empty cell, 'n/a', exp")
    assert "dataset.classes if 'NA' or 'n/a' is a class" in problem
    (unknown,) = read("yes", "n/a?", "no", classes=("no", "yes")).problems
    assert "found 'n/a?', expected" in unknown


def test_a_class_may_be_called_none() -> None:
    assert read("None", "yes").names == ("None", "yes")


def test_all_labels_that_are_not_listed_are_told_at_once() -> None:
    (problem,) = read("yes", "no", "maybe", "later", classes=("yes", "no")).problems
    assert problem == (
        "line 4, column 'sold': found 'maybe'; line 5, column 'sold': found 'later', expected one of yes, no"
    )


def test_a_class_without_a_row_and_a_single_class_are_refused() -> None:
    assert "found no row of class 'maybe'" in read("yes", "no", classes=("yes", "no", "maybe")).problems[0]
    assert "found a single class" in read("yes", "yes").problems[0]
