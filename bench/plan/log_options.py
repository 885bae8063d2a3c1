"""Parses the options of prediction logs: the size of a file, and the length of an interval."""

import re

from bench.errors import UsageError

NUMBER = re.compile(r"(?P<number>\d+(\.\d+)?) ?(?P<unit>[A-Za-z]*)")
BYTES = {"": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
SECONDS = {"ms": 1e-3, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
LEAST_BYTES = 1000  # a line takes about 300


def size_bytes(text: str) -> int:
    """The size in bytes of a file, such as 10MB; raises UsageError for anything else."""
    found = NUMBER.fullmatch(text.strip())
    size = round(float(found["number"]) * BYTES.get(found["unit"], 0)) if found else 0
    if size < LEAST_BYTES:
        raise UsageError(
            f"--log-size: found {text!r}, expected at least 1kB, as a number of bytes or with its unit, such as 500kB, "
            "10MB or 1GB"
        )
    return size


def interval_s(text: str) -> float:
    """The seconds of an interval, such as 1h; raises UsageError for anything else."""
    found = NUMBER.fullmatch(text.strip())
    seconds = float(found["number"]) * SECONDS.get(found["unit"], 0) if found else 0
    if seconds < SECONDS["ms"]:
        raise UsageError(f"--every: found {text!r}, expected a time with its unit, such as 30s, 5min, 1h or 1d")
    return seconds
