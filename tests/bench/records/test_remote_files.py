"""Objects are created once on each file system, and no password is in a text."""

from typing import Any

import fsspec
import pytest

from bench.records import remote_files, remote_results, store
from tests.bench.records.mirrors import Mirror, measured, read

MEMORY = type(fsspec.filesystem("memory"))


@pytest.mark.usefixtures("asked")
def test_a_file_system_that_cannot_create_only_is_asked_first(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    works = MEMORY.pipe_file

    def simple(self: Any, path: str, value: bytes, *, mode: str = "overwrite") -> None:  # noqa: ANN401 (the class is fsspec's)
        if mode == "create":
            raise NotImplementedError
        works(self, path, value)

    monkeypatch.setattr(MEMORY, "pipe_file", simple)
    first = measured(mirror("ada"))
    assert len(read(store.find_run(mirror("bob"), first.name))) == 3
    remote = remote_results.of(first.results)
    assert remote is not None
    place = f"{first.files.place}/record-000000-1.jsonl"
    assert not remote_files.create(remote, place, b"another")
    assert remote_files.create(remote, place, first.records.read_bytes().splitlines(keepends=True)[0])


@pytest.mark.parametrize(
    ("tag", "is_enough"),
    [('"9a0364b9e99bb480dd25e1f0284c8555"', True), ('"of an encrypted object"', False), (None, False)],
)
def test_a_list_is_enough_only_if_it_has_the_md5_of_the_content(tag: str | None, *, is_enough: bool) -> None:
    assert remote_files._looks_like(b"content", {"size": 7, "ETag": tag}) == is_enough
    assert not remote_files._looks_like(b"another", {"size": 7, "ETag": tag})


@pytest.mark.usefixtures("asked")
def test_a_failed_condition_without_its_name_is_an_object_that_is_there(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = remote_results.of(measured(mirror("ada"), 1).results)
    assert remote is not None

    def refused(*_: object, **__: object) -> None:
        raise OSError(22, "a precondition did not hold")

    remote.files.pipe_file(f"{remote.root}/old", b"content")
    monkeypatch.setattr(MEMORY, "pipe_file", refused)
    assert remote_files.create(remote, "old", b"content")
    assert not remote_files.create(remote, "old", b"another")
    with pytest.raises(OSError, match="a precondition"):
        remote_files.create(remote, "new", b"content")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("ftp://bob:hunter2@lab/results", "ftp://lab/results"),
        ("ftp://bob:hunter@2@lab/results", "ftp://lab/results"),
        ("sftp://bob@lab/results", "sftp://lab/results"),
        ("s3://lab/results@home", "s3://lab/results@home"),
    ],
)
def test_an_address_is_shown_without_user_and_password(address: str, expected: str) -> None:
    assert remote_files.shown(address) == expected


def test_options_that_the_user_gave_to_fsspec_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fsspec.config.conf, "s3", {"config_kwargs": {"read_timeout": 60, "region_name": "here"}})
    found = remote_files._options("s3")["config_kwargs"]
    assert found == {**remote_files.SILENCE, "read_timeout": 60, "region_name": "here"}
    assert remote_files._options("memory") == {}
