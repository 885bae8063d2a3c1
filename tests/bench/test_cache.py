"""Where what can be made again is kept."""

from pathlib import Path

import pytest

from bench import cache


def test_the_cache_is_where_the_environment_says_or_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path))
    assert cache.folder() == tmp_path
    monkeypatch.delenv("LEVELFIELD_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() != tmp_path
    assert "levelfield" in str(cache.folder())
