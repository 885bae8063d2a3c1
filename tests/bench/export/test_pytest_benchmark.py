"""The file is read by pytest-benchmark's own command."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.export.pytest_benchmark import render
from tests.bench.sample_records import quick_run


def compared(*files: Path, columns: str = "median,rounds") -> str:
    command = [sys.executable, "-m", "pytest_benchmark", "compare", *map(str, files), f"--columns={columns}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_its_compare_shows_every_cell_with_our_median(tmp_path: Path) -> None:
    run = quick_run()
    path = tmp_path / "run.json"
    path.write_text(render(run))
    assert json.loads(path.read_text())["benchmarks"][0]["params"] == {"framework": "pytorch", "batch_size": 32}
    table = compared(path)
    lines = [line for line in table.splitlines() if line.startswith("digits-")]
    assert len(lines) == 36
    calls = [
        call
        for record in run
        for block in record.measurement.blocks
        if (record.case.workload, record.case.contender, record.case.scenario) == ("digits-cnn", "flax", "training")
        for call in block.synchronised_ns
    ]
    line = next(line for line in lines if line.startswith("digits-cnn[flax-training-32]"))
    assert f"{np.median(calls) / 1e3:.4f}" in line.replace(",", "")
    assert line.split()[-1] == str(len(calls)) == "240"


def test_its_compare_tells_two_runs_apart(tmp_path: Path) -> None:
    for name, slowdown in (("before", 1.0), ("after", 2.0)):
        (tmp_path / f"{name}.json").write_text(render(quick_run(workloads=("digits-dnn",), slowdown=slowdown)))
    table = compared(tmp_path / "before.json", tmp_path / "after.json", columns="median")
    found = re.findall(r"digits-dnn\[pytorch-training-32\] \(0/(\w+)\) +([\d,.]+)", table)
    medians = {name: float(median.replace(",", "")) for name, median in found}
    assert medians["after"] / medians["before"] == pytest.approx(2.0, rel=1e-3)
