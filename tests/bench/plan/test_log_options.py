"""Sizes and intervals of prediction logs are read with their unit, and refused without sense."""

import pytest

from bench.errors import UsageError
from bench.plan.log_options import interval_s, size_bytes


@pytest.mark.parametrize(
    ("text", "size"), [("10MB", 10**7), ("1.5 MB", 1_500_000), ("1GB", 10**9), ("2000", 2000), ("1kB", 1000)]
)
def test_a_size_is_a_number_of_bytes(text: str, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "0", "999", "10TB", "MB", "-1MB", "ten"])
def test_another_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"--log-size: found {text!r}, expected at least 1kB"):
        size_bytes(text)


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("5min", 300), ("5m", 300), ("1.5h", 5400), ("1d", 86400)])
def test_an_interval_is_a_number_of_seconds(text: str, seconds: float) -> None:
    assert interval_s(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "0s", "1y", "h", "-1h"])
def test_another_interval_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"--every: found {text!r}, expected a time with its unit"):
        interval_s(text)
