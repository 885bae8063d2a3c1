"""The files in which workers leave traces: what a framework computed on a workload, as named arrays."""

import tempfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np


def write_trace(path: Path, trace: Mapping[str, np.ndarray]) -> None:
    """Write a trace as a whole or not at all, so that a reader never finds half of one."""
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
        np.savez(file, **dict(trace))  # type: ignore[arg-type]
    Path(file.name).replace(path)


def read_trace(path: Path) -> dict[str, np.ndarray] | None:
    """The trace in this file; None where there is none or where it cannot be read."""
    try:
        # From memory, because np.load leaves the file open where it is torn.
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, BadZipFile):
        return None
