"""Finds the user's cache folder, for files that can be made again: downloads, parsed data, traces."""

import os
from pathlib import Path

import platformdirs


def folder() -> Path:
    """The folder in `LEVELFIELD_CACHE`, else the user cache folder of the system; the folder may not exist yet."""
    return Path(os.environ.get("LEVELFIELD_CACHE") or platformdirs.user_cache_dir("levelfield"))
