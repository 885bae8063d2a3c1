"""A framework that takes no time to import, so that real processes start at once: for tests of the processes alone.

Its fork servers and workers are those of every framework. What their job does is to end well, to leave, or to go on
without end.
"""

from pathlib import Path
from typing import Any

import pytest

from bench.workload.frameworks import Contender

LIGHT = Contender("light")

# Python runs a module of this name first, wherever it finds it.
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
    """Every process that is started from now on knows this framework, and runs `more` first."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(CODE + more)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def light_job(folder: Path, kind: str = "measure") -> dict[str, Any]:
    """A job that ends well, or one to `leave` or to be `endless`."""
    return {"kind": kind, "log": str(folder / "job.log")}
