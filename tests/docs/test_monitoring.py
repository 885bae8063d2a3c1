"""The script of the guide on monitoring runs from end to end, and its message arrives at a server on this machine."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.docs import data_of_pages
from tests.docs.pages import ROOT, blocks, text

PAGE = "docs/how-to/monitoring.md"
SECRET = "/services/T123/secret"  # noqa: S105 (of a server on this machine)


@pytest.fixture
def server() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a webhook, and the messages that have arrived there."""
    arrived: list[dict[str, Any]] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Webhook) as found:
        Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}{SECRET}", arrived
        found.shutdown()


def prepared(folder: Path) -> dict[str, str]:
    """The files of the guides in a folder, and an environment in which `levelfield` is a command."""
    data_of_pages.write(folder)
    for page in ("docs/how-to/drift.md", PAGE):
        for block in blocks(text(page)):
            if block.file:
                (folder / block.file).write_text(block.text)
    (script,) = (block.text for block in blocks(text(PAGE)) if block.text.startswith("# watch.sh"))
    (folder / "watch.sh").write_text(script)
    (folder / "bin").mkdir()
    command = folder / "bin" / "levelfield"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bench "$@"\n')
    command.chmod(0o755)
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PYTHONPATH": str(ROOT), "PATH": path}


@pytest.mark.slow
def test_the_script_sends_a_message_if_and_only_if_something_is_wrong(
    tmp_path: Path, server: tuple[str, list[dict[str, Any]]]
) -> None:
    address, arrived = server
    environment = prepared(tmp_path) | {"WATCH_WEBHOOK": address}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    training = "run flats.toml --framework pytorch --purpose learning --save-models"
    trained = run("levelfield", *training.split())
    assert trained.returncode == 0, trained.stderr
    (model,) = tmp_path.glob("results/*/*/artifacts/models/*")
    well = run("sh", "watch.sh", str(model), "old-flats.csv")
    assert (well.returncode, arrived) == (0, []), well.stdout + well.stderr
    bad = run("sh", "watch.sh", str(model), "new-flats.csv")
    assert bad.returncode == 3, bad.stdout + bad.stderr
    (message,) = arrived
    assert message["exit_code"] == 3
    assert any("drifted_share" in line for line in message["lines"])
    assert any("mae" in line for line in message["lines"])
    lines = (tmp_path / "predictions.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in lines]) == 3000
    everything = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*.jsonl"))
    assert SECRET not in everything + well.stdout + well.stderr + bad.stdout + bad.stderr
