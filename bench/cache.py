"""Finds the user's cache folder, for files that can be made again: downloads, parsed data, traces."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import platformdirs


def folder() -> Path:
    """The folder in `LEVELFIELD_CACHE`, else the user cache folder of the system; the folder may not exist yet."""
    return Path(os.environ.get("LEVELFIELD_CACHE") or platformdirs.user_cache_dir("levelfield"))


def store(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file so that another process never sees an incomplete one; `write` gets the path of a draft."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        whole = Path(folder) / path.name
        write(whole)
        whole.replace(path)
