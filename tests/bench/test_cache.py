"""The cache folder, for files that can be made again."""

from pathlib import Path

import pytest

from bench import cache


def test_the_cache_folder_is_from_the_environment_or_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path))
    assert cache.folder() == tmp_path
    monkeypatch.delenv("LEVELFIELD_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() != tmp_path
    assert "levelfield" in str(cache.folder())
