"""Writes and reads trace files: the arrays that a framework computed in a proof, by name."""

import tempfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np


def write_trace(path: Path, trace: Mapping[str, np.ndarray]) -> None:
    """Write a trace so that a reader never finds an incomplete file."""
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
        np.savez(file, **dict(trace))  # type: ignore[arg-type]
    Path(file.name).replace(path)


def read_trace(path: Path) -> dict[str, np.ndarray] | None:
    """The trace in this file; None if the file is missing or cannot be read."""
    try:
        # From memory, because np.load does not close an incomplete file.
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, BadZipFile):
        return None
