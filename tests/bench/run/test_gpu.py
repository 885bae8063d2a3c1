"""On a GPU: certificates in every precision, counters of memory and power, and an options search."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.records.record import Record
from bench.records.record_lines import from_line
from bench.workload import frameworks

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1200)]

WORKLOADS = "digits-dnn,digits-cnn,digits-lstm"
NAMES = ",".join(str(item) for item in frameworks.every_contender() if frameworks.is_installed(item))


def levelfield(folder: Path, *words: str) -> str:
    """The output of the command, which must exit with 0."""
    command = [sys.executable, "-m", "bench", *words]
    result = subprocess.run(command, capture_output=True, text=True, timeout=1100, check=False, cwd=Path.cwd())
    (folder / "output.txt").write_text(result.stdout + result.stderr)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


def records(folder: Path) -> list[Record]:
    (path,) = folder.glob("results/*/*/records.jsonl")
    return [from_line(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_every_framework_is_proven_on_a_gpu_in_every_precision(tmp_path: Path, precision: str) -> None:
    printed = levelfield(
        tmp_path, "verify", "--device", "cuda", "--precision", precision, "--workload", WORKLOADS, "--framework", NAMES
    )
    assert "failed" not in printed


def test_a_run_on_a_gpu_reads_its_counters(tmp_path: Path) -> None:
    places = ("--results", str(tmp_path / "results"), "--reports", str(tmp_path / "reports"))
    levelfield(
        tmp_path,
        *("run", "--device", "cuda", "--workload", "digits-dnn", "--framework", NAMES, "--processes", "2"),
        *("--purpose", "timing,memory", "--precision", "fp32,bf16", *places),
    )
    found = records(tmp_path)
    assert found
    assert {item.outcome for item in found} == {"ok"}
    peaks = [item for record in found for item in record.measurement.memory]
    assert peaks
    assert all(item.device_peak_bytes for item in peaks), "every allocator reports its peak"
    uses = [block.use for record in found for block in record.measurement.blocks]
    assert uses
    assert all(use is not None and all(item.gpu is not None for item in use.readings) for use in uses)
    roofs = {record.case.precision: record.roof for record in found if record.roof is not None}
    assert roofs["bf16"].flops is not None
    assert roofs["fp32"].flops is not None
    assert roofs["bf16"].flops.per_second > roofs["fp32"].flops.per_second, "tensor cores are faster in bf16"


def test_a_search_on_a_gpu_ends_with_a_script_that_runs(tmp_path: Path) -> None:
    levelfield(
        tmp_path,
        *("tune", "digits-dnn", "--device", "cuda", "--precision", "bf16", "--framework", NAMES),
        *("--scripts", str(tmp_path / "scripts"), "--again"),
    )
    scripts = sorted((tmp_path / "scripts").glob("*.py"))
    assert len(scripts) == len(NAMES.split(","))
    for script in scripts:
        printed = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=300, check=True)
        assert printed.stdout.split()[1] == "ms"
