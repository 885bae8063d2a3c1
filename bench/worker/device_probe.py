"""Says which devices each framework sees. One process may answer for several frameworks that share a library.

`python -m bench.worker.device_probe FRAMEWORK ...` imports one adapter after the other, and writes one JSON object a
line for each: `framework`, `outcome`, `error`, and where the import works `devices` and `versions`. No workload is
prepared and no device is configured, so a probe needs much less time than a fork server.
"""

import importlib
import json
import os
import sys
import traceback
from typing import Any, Never

LONGEST_ERROR = 500


def main() -> Never:
    """Answer for each framework of the command line, and leave at once: to unload the libraries takes a second."""
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever the libraries print belongs to the log
    for framework in sys.argv[1:]:
        os.write(answers, (json.dumps(answer(framework)) + "\n").encode())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def answer(framework: str) -> dict[str, Any]:
    """What the framework sees; where it cannot be imported or asked, the error."""
    try:
        adapter = importlib.import_module(f"bench.adapters.{framework}").create()
        found = {"outcome": "ok", "error": None, "devices": adapter.devices(), "versions": adapter.versions()}
    except Exception as error:  # noqa: BLE001 (a broken installation may raise anything)
        traceback.print_exc()
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        found = {"outcome": "failed", "error": text[:LONGEST_ERROR]}
    return {"framework": framework, **found}


if __name__ == "__main__":
    main()
