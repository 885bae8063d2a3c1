"""The digest of a saved model, by which copies of it are known, in lists and in logs of predictions."""

import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from bench.errors import UsageError, unreadable
from bench.workload.model_folders import ABOUT, FAMILY, WEIGHTS, WRITTEN_BY

# The keys of model.json that are not in its digest: they do not change the model. `dataset` has the place of the data;
# their content is in the digest of the workload.
VOLATILE = ("versions", "quality", "dataset")
DIGITS = 12


def of_folder(folder: Path) -> str | None:
    """The digest of the model in a folder; None if one of its files cannot be read."""
    try:
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        return of(folder, about) if isinstance(about, dict) else None
    except (OSError, ValueError, RecursionError, UsageError):
        return None


def of(folder: Path, about: Mapping[str, Any]) -> str:
    """The first digits of a sha256 over what `model.json` says, the network's own code and the weights.

    Raises UsageError if the weights are missing or damaged.
    """
    weights = folder / WEIGHTS
    try:
        with ZipFile(weights) as arrays:
            damaged = arrays.testzip()
    except (OSError, BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise UsageError(f"{weights}: {unreadable(error)}, {WRITTEN_BY}") from None
    if damaged is not None:
        raise UsageError(f"{weights}: found a damaged array {damaged!r}, {WRITTEN_BY}")
    # A key without a value counts as missing, since older models do not have it.
    kept = {key: value for key, value in about.items() if key not in VOLATILE and value is not None}
    found = hashlib.sha256(json.dumps(kept, sort_keys=True).encode())
    for path in (weights, *sorted((folder / FAMILY).glob("**/*.py"))):
        with path.open("rb") as content:
            found.update(f"{path.relative_to(folder)} {hashlib.file_digest(content, 'sha256').hexdigest()}".encode())
    return found.hexdigest()[:DIGITS]
