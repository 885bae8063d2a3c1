"""The guide to networks of one's own prints what its commands really print."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.workload.own_family import change
from tests.docs import data_of_pages
from tests.docs.pages import ROOT, blocks, commands, text

pytestmark = pytest.mark.timeout(900)

GUIDE = text("docs/how-to/own-network.md")
PRINTED = [block.text for block in blocks(GUIDE) if block.language == "text" and "unet" in block.text]
DEVIATION = re.compile(r"(?<= )(\d\.\de-\d\d|0)(?= |$)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data_of_pages.write(tmp_path)
    return tmp_path


def verify(folder: Path, frameworks: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", "verify", "unet.toml", "--framework", frameworks]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def masked(printed: str) -> str:
    """The text without deviations, whose last digits differ between machines, and with single spaces."""
    return " ".join(DEVIATION.sub("#", line) for line in " ".join(printed.split()).split("─") if line.strip())


@pytest.mark.slow
def test_the_u_net_of_the_guide_is_proven_equal_in_every_framework(folder: Path) -> None:
    (command,) = (line for line in commands(GUIDE) if " unet.toml" in line and "keras" in line)
    done = verify(folder, command.split()[-1])
    print(done.stdout)  # noqa: T201 (the deviations, for `pytest -s`)
    assert done.returncode == 0, done.stdout + done.stderr
    (table,) = (block for block in PRINTED if "proven equal" in block)
    assert masked(table) in masked(done.stdout)
    assert table.count("proven equal") == 5


@pytest.mark.slow
def test_the_tanh_form_of_gelu_in_one_framework_is_explained_as_the_guide_prints_it(folder: Path) -> None:
    change(folder / "unet" / "flax.py", ", approximate=False", "")
    done = verify(folder, "pytorch,flax")
    assert done.returncode == 1
    (explained,) = (block for block in PRINTED if "first deviate" in block)
    assert explained in done.stdout


@pytest.mark.study
def test_a_kernel_with_its_axes_in_another_order_is_explained(folder: Path) -> None:
    change(folder / "unet" / "pytorch.py", "self.conv(images)", "self.conv(images.mT).mT")
    done = verify(folder, "pytorch,flax")
    assert done.returncode == 1
    assert "first deviate in the outputs of down0_conv, by " in done.stdout
    assert "a kernel whose axes have another order" in done.stdout
