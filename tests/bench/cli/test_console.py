"""Warnings are lines beside the output."""

import warnings

import pytest

from bench.cli.console import unsent_as_lines
from bench.errors import UnsentWarning


def test_a_warning_of_unsent_records_is_one_line_and_others_are_left(capsys: pytest.CaptureFixture[str]) -> None:
    with unsent_as_lines():
        warnings.warn("s3://lab: cannot be written", UnsentWarning, stacklevel=1)
        with pytest.raises(UserWarning, match="another"):
            warnings.warn("another one", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: s3://lab: cannot be written\n"
    with pytest.raises(UnsentWarning):
        warnings.warn("outside of a command", UnsentWarning, stacklevel=1)
