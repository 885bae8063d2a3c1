"""Finds what is known of a user's files without reading them again, and reads them in a process of its own.

The parent process of a run must not import scikit-learn, and a file may need much memory. So a process that has not
imported it asks another one. What that one found is kept in the cache folder, by the content of the files.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench import cache
from bench.datasets.own_files import contents
from bench.errors import DataError, UsageError

READER = "bench.datasets.own_files.reading_process"
ERRORS = {"DataError": DataError, "UsageError": UsageError}
Facts = dict[str, Any]
MOST_KNOWN = 64  # results that this process keeps

_KNOWN: dict[str, Facts] = {}  # the latest results of this process


def of(table: Mapping[str, object], paths: Sequence[Path], compute: Callable[[], Facts]) -> Facts:
    """What `compute` finds for the table `[dataset]`, in this process or in another one, or in an earlier call.

    Raises DataError or UsageError for a mistake in the files, or if the other process did not end well.
    """
    found = contents.digest(paths)
    if found is None:  # whoever reads the files says what is wrong
        return compute() if _reads_itself() else ask({"question": "facts", "table": dict(table)})
    key = json.dumps([contents.code(), found, table], sort_keys=True, default=str)
    if key not in _KNOWN:
        _KNOWN[key] = compute() if _reads_itself() else _stored_or_asked(key, table)
    for oldest in list(_KNOWN)[:-MOST_KNOWN]:
        del _KNOWN[oldest]
    return _KNOWN[key]


def _reads_itself() -> bool:
    """Whether this process has scikit-learn already."""
    return "sklearn" in sys.modules


def _stored_or_asked(key: str, table: Mapping[str, object]) -> Facts:
    stored = _place(key)
    with suppress(OSError, ValueError):
        known: Facts = json.loads(stored.read_text("utf-8"))
        return known
    asked = ask({"question": "facts", "table": dict(table)})
    with suppress(OSError):
        cache.store(stored, lambda draft: draft.write_text(json.dumps(asked), "utf-8"))
    return asked


def ask(question: Mapping[str, object]) -> Facts:
    """The answer of a process that reads files; raises the error that it has met."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(  # noqa: S603 (our own module)
        [sys.executable, "-P", "-m", READER],
        input=json.dumps(question, default=str),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        what = f"was ended by signal {-done.returncode}" if done.returncode < 0 else f"failed: {last}"
        memory = "; was there too little memory for the file?" if done.returncode < 0 else ""
        place = question.get("path") or question.get("table")
        raise DataError(f"{place}: the process that reads it {what}{memory}")
    answer: Facts = json.loads(done.stdout)
    if "error" in answer:
        raise ERRORS[answer["kind"]](answer["error"])
    return answer


def _place(key: str) -> Path:
    return cache.folder() / "own-files" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
