"""The pages of 10 000 records, some 130 MB, take at most ten seconds of processor time each, without a framework."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from bench.records.store import RECORDS, find_run
from bench.run.worker_client import ROOT
from bench.workload.frameworks import DISTRIBUTIONS

RECORDS_MADE, MOST_S = 10_000, 10.0
EXAMPLE = "20261127T180333Z-462f"
FRAMEWORKS = {"torch", "tensorflow", "keras", "jax", "flax", *DISTRIBUTIONS}
PAGES = {"markdown": "write_markdown(made, reports)", "html": "write_html(made, reports)"}
CHILD = """
import sys
from pathlib import Path
from bench.cli.page import make_page
from bench.cli.page_files import write_html, write_markdown
from bench.cli.stored_runs import read

reports = Path({reports!r})
made = make_page(read(["latest"], results=Path({results!r}))[0], command=None, noise={{}})
{write}
print(len(made.records), *{frameworks!r} & sys.modules.keys(), file=open(reports / "said", "w"))
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with so many records: those of an example again and again, each time of workloads with other names."""
    folder = tmp_path_factory.mktemp("results")
    write_records(folder / "machine" / "20260101T000000Z-0000" / RECORDS)
    return folder


def write_records(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with path.open("w") as file:
        file.writelines(f"{json.dumps(content, separators=(',', ':'))}\n" for content in copies())


def copies() -> Iterator[dict[str, Any]]:
    example = find_run(ROOT / "results" / "examples", EXAMPLE)
    lines = example.records.read_text("utf-8").splitlines()
    for order, line in enumerate(islice(cycle(lines), RECORDS_MADE)):
        copy = order // len(lines)
        content = json.loads(line)
        content |= {"run": "20260101T000000Z-0000", "order": order}
        content["case"]["workload"] += f"-{copy:02d}"
        content["workload_digest"] = hashlib.sha256(f"{content['workload_digest']} {copy}".encode()).hexdigest()
        for block in content["measurement"]["blocks"]:  # no two processes have the same times
            for name in ("synchronised_ns", "pipelined_ns", "warm_up_ns", "call_ns"):
                block[name] = [time + copy for time in block[name]]
        yield content


@pytest.mark.study
@pytest.mark.parametrize("page", PAGES)
def test_a_page_takes_at_most_ten_seconds_of_processor_time(page: str, results: Path, tmp_path: Path) -> None:
    code = CHILD.format(reports=str(tmp_path), results=str(results), write=PAGES[page], frameworks=FRAMEWORKS)
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", code], {**os.environ, "PYTHONPATH": str(ROOT)})
    _, status, used = os.wait4(child, 0)
    print(f"\n{page}: {used.ru_utime:.1f} s + {used.ru_stime:.1f} s of the system")  # noqa: T201
    assert status == 0
    assert (tmp_path / "said").read_text() == f"{RECORDS_MADE}\n", "a framework was imported"
    assert len((tmp_path / {"markdown": "latest.md", "html": "latest.html"}[page]).read_text("utf-8")) > 10**5
    assert used.ru_utime + used.ru_stime <= MOST_S
