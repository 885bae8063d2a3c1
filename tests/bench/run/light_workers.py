"""A fake framework that imports in no time, for tests of real processes.

Its fork servers and workers are those of every framework. A job of theirs ends well, exits without a result, or never
ends.
"""

from pathlib import Path
from typing import Any

import pytest

from bench.workload.frameworks import Contender

LIGHT = Contender("light")

# Python imports a module of this name when it starts.
FILE = "sitecustomize.py"
CODE = """
import os, sys, time, types

if "bench.worker.fork_server" in sys.orig_argv:

    def run(job, *, emit, receive):
        emit({"event": "configured"})
        emit({"event": "progress"})
        if job["kind"] == "leave":
            os._exit(7)
        while job["kind"] == "endless":
            time.sleep(0.01)
        emit({"event": "result", "outcome": "ok", "error": None, "devices": ["cpu"], "pid": os.getpid()})

    names = "bench.adapters.light", "bench.worker.main", "sklearn.datasets"
    sys.modules.update({name: types.ModuleType(name) for name in names})
    sys.modules["bench.worker.main"].run = run
"""


def plant(folder: Path, monkeypatch: pytest.MonkeyPatch, *, more: str = "") -> None:
    """Make every process that starts from now on know this framework, and run `more` first."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(CODE + more)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def light_job(folder: Path, kind: str = "measure") -> dict[str, Any]:
    """A job that ends well; with the kind `leave` it exits without a result, with `endless` it never ends."""
    return {"kind": kind, "log": str(folder / "job.log")}
