"""Each way in which a command must not end is found."""

import pytest

from tests.bench.mutated_files import verdict
from tests.bench.mutated_files.verdict import End, levelfield, problems

RIGHT = "levelfield: mine.toml: name: found 3, expected text in quotes\n"


@pytest.mark.parametrize(
    ("end", "found"),
    [
        (End(0, "a result\n", ""), []),
        (End(0, "a result\n", "warning: something is left out\n"), []),
        (End(2, "", RIGHT), []),
        (End(6, "", "levelfield: nothing was measured\n"), []),
        (End(1, "warning: Traceback", ""), ["library text 'Traceback'", "exit code 1"]),
        (End(2, "", RIGHT.replace("3", "Input should be a string")), ["library text 'Input should be'"]),
        (End(2, "", ""), ["0 messages", "no message names mine.toml"]),
        (End(2, "", RIGHT * 2), ["2 messages"]),
        (End(2, "", f"{RIGHT}of two lines\n"), ["a line that is no message: 'of two lines'"]),
        (End(2, "half a result", RIGHT), ["a result beside exit code 2"]),
        (End(0, "", "", "KeyError: 'name'"), ["KeyError: 'name'"]),
    ],
)
def test_only_a_result_or_one_message_is_right(end: End, found: list[str]) -> None:
    assert problems(end, named="mine.toml", codes={0, 6}) == found


def test_an_error_that_nobody_caught_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise KeyError("name")

    monkeypatch.setattr(verdict, "main", fail)
    assert "KeyError: 'name'" in levelfield("show", "wine").crash
