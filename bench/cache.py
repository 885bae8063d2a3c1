"""The user's folder for what can be made again: downloads, parsed data, traces."""

import os
from pathlib import Path

import platformdirs


def folder() -> Path:
    """`LEVELFIELD_CACHE`, else the place that the system has for it; not made yet."""
    return Path(os.environ.get("LEVELFIELD_CACHE") or platformdirs.user_cache_dir("levelfield"))
