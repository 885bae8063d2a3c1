"""Public files are downloaded from a server on this machine; damaged ones are refused and not stored."""

import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.datasets.base import Dataset, load
from bench.errors import DataError
from tests.bench.datasets.conftest import serving
from tests.bench.datasets.test_lecture import FOLDER

FILES = {
    "house-sales": "kc-house/kc_house_data.csv",
    "california-housing": "california-housing/cal_housing.data",
    "sonar": "sonar/sonar.csv",
    "wine": "wine/wine.csv",
    "temperatures": "time-series/daily-min-temperatures.csv",
}

if FOLDER:

    @pytest.fixture(params=FILES)
    def name(request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        """The file of a data set, in the folder that a server serves."""
        path = tmp_path / "served" / Path(FILES[name]).name
        path.parent.mkdir()
        shutil.copy(Path(str(FOLDER)) / FILES[name], path)
        monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))
        with serving(path.parent, monkeypatch) as address:
            module = importlib.import_module(f"bench.datasets.{name.replace('-', '_')}")
            monkeypatch.setattr(module, "ADDRESS", address + path.name)
            yield path

    def whole(name: str) -> Dataset:
        dataset = load({"name": name})
        assert len(dataset.train) == dataset.description.train
        return dataset

    def test_a_file_is_downloaded_once(name: str, file: Path) -> None:
        whole(name)
        file.unlink()
        whole(name)

    def test_a_truncated_file_is_refused_and_not_kept(name: str, file: Path, tmp_path: Path) -> None:
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        with pytest.raises(
            DataError, match=rf"{file.name}: the download failed: .*; expected a file with sha256 .*LEVELFIELD_DATA"
        ):
            whole(name)
        assert not (tmp_path / "cache" / FILES[name]).exists()
        file.write_bytes(content)
        whole(name)

    def test_a_changed_file_is_refused(name: str, file: Path) -> None:
        content = file.read_bytes()
        file.write_bytes(content[:-2] + b"9\n")
        with pytest.raises(DataError, match="expected a file with sha256"):
            whole(name)

    def test_a_missing_file_is_reported_with_its_address(name: str, file: Path) -> None:
        file.unlink()
        with pytest.raises(DataError, match=rf"http://127\.0\.0\.1:\d+/{file.name}: the download failed: 404 .*check"):
            whole(name)
