"""`levelfield demo`: one small network in the main frameworks, with proofs and the report, in about a minute."""

import os
import shlex
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

from bench.cli.console import Reports, Results, say
from bench.cli.options import as_option
from bench.cli.page import DEMO
from bench.cli.stored_runs import at
from bench.plan.options import Help, Options

# One thread: networks this small need no more, and threads that wait for each other are slow on a busy machine.
ASKED = Options(suite=DEMO, framework="pytorch,keras,flax", threads=1)
BEFORE = (
    "Levelfield runs one small network in PyTorch, Keras and Flax, and proves that the three compute the same.",
    "Then it times training and inference on one CPU thread, trains the network, and writes the report.",
    "This takes about a minute. It is a demonstration: one process for each figure, so quote none of them.",
)
NEXT = (
    ("levelfield run", "the suite quick: three networks, three processes for each figure, five minutes"),
    ("levelfield run digits-cnn --framework all", "another network, in every installed framework"),
    ("levelfield init data flats.csv", "a workload for a table of your own; then `levelfield run` with its file"),
)
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")  # without one of them a browser could only be one in the terminal


def demo(
    *,
    no_open: Annotated[bool, as_option("no_open", Help("Print where the report is, and open no browser."))] = False,
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Measure one small network in PyTorch, Keras and Flax, with proofs, and open the report: about a minute.

    It measures the suite `demo` as `levelfield run` does. Frameworks that are not installed are named.
    """
    from bench.cli.run import start
    from bench.plan.request import check

    request = check(ASKED)
    for line in BEFORE:
        say(line)
    _, code = start(ASKED, request, results=results, reports=reports)
    page = reports / "latest.html"
    if page.is_file() and (no_open or not opened(page)):
        say(f"\nOpen the report in a browser: {page.absolute()}")
    say("\nNext:")
    folders = at(results=results, reports=reports)
    for command, what in NEXT:
        words = (command, shlex.join(folders)) if folders and command.startswith("levelfield run") else (command,)
        say(f"  {' '.join(words)}  # {what}")
    raise SystemExit(code)


def opened(page: Path) -> bool:
    """Whether a browser was started with this page; only for somebody at a terminal with a display."""
    has_display = sys.platform == "darwin" or any(os.environ.get(name) for name in DISPLAYS)
    if not (sys.stdout.isatty() and has_display):
        return False
    try:
        return webbrowser.open(page.absolute().as_uri())
    except (webbrowser.Error, OSError):
        return False
