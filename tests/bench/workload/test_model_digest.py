"""The digest of a saved model changes with what the model is, and with nothing else."""

import json
from pathlib import Path

from bench.workload import model_digest
from bench.workload.model_folders import ABOUT, WEIGHTS
from tests.bench.workload.test_saved_model import saved


def test_a_digest_changes_with_the_weights_and_not_with_the_versions(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    before = model_digest.of_folder(folder)
    about = json.loads((folder / ABOUT).read_text())
    (folder / ABOUT).write_text(json.dumps(about | {"versions": {"torch": "9"}}))
    assert model_digest.of_folder(folder) == before
    (folder / ABOUT).write_text(json.dumps(about | {"seed": 99}))
    assert model_digest.of_folder(folder) != before
    assert before is not None
    assert len(before) == model_digest.DIGITS


def test_a_folder_without_a_readable_model_has_none(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    (folder / WEIGHTS).write_bytes(b"damaged")
    assert model_digest.of_folder(folder) is None
    (folder / ABOUT).write_text("[]")
    assert model_digest.of_folder(folder) is None
    assert model_digest.of_folder(tmp_path / "nowhere") is None
