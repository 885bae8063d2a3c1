"""A trace is read back unchanged, and an incomplete or damaged file gives None."""

import re
from pathlib import Path

import numpy as np
import pytest

from bench.records.trace_files import read_trace, write_trace

TRACE = {"logits": np.array([[1.0, -2.0]]), "weights/head.kernel": np.array([[1.0, 2.0], [3.0, 8.0]])}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace.npz"


def test_a_trace_is_read_back_unchanged(path: Path) -> None:
    write_trace(path, TRACE)
    np.testing.assert_equal(read_trace(path), TRACE)
    assert list(path.parent.iterdir()) == [path]


def test_a_new_trace_replaces_the_earlier_one(path: Path) -> None:
    write_trace(path, TRACE)
    other = TRACE | {"logits": np.array([[1.0, 2.0]])}
    write_trace(path, other)
    np.testing.assert_equal(read_trace(path), other)
    with pytest.raises(AssertionError, match="Mismatched elements"):
        np.testing.assert_equal(read_trace(path), TRACE)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_an_incomplete_trace_is_none(path: Path, share: float) -> None:
    write_trace(path, TRACE)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert read_trace(path) is None
    assert read_trace(path.with_name("missing.npz")) is None


def test_a_damaged_trace_is_none(path: Path) -> None:
    write_trace(path, TRACE)
    content = path.read_bytes()
    at = next(re.finditer(rb"NUMPY", content)).end() + 130
    path.write_bytes(content[:at] + b"\xff\xff" + content[at + 2 :])
    assert read_trace(path) is None
