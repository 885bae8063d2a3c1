"""The files behind an address, such as s3://bucket/results, on each file system that fsspec knows."""

import errno
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, final
from urllib.parse import unquote

from bench.errors import BenchError, UsageError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

S3 = ("s3", "s3a")
# Without these limits, a server that accepts and never answers would stop a run for minutes. Botocore has tries of its
# own, and s3fs has tries around them. Before it sends an object, the client waits for the server without any limit of
# its own, so a write has a limit as a whole.
SILENCE: Mapping[str, Any] = {"connect_timeout": 3, "read_timeout": 5, "retries": {"total_max_attempts": 2}}
TRIES = 2
LONGEST_WRITE_S = 15
CREDENTIALS = re.compile(r"(?<=://)[^/]*@")  # user and password
VERSION = ("ETag", "size", "LastModified", "mtime", "created", "modified", "updated")  # what a list says of a version
NO_BUCKET = "bucket does not exist"  # as S3 says it
LONGEST = 200  # characters of a reason
EXPECTED = "expected an address that fsspec knows and can open here, such as s3://bucket/results"
HELP = "check the address, the network, and the credentials that this file system reads (for S3 those of AWS)"

Entry = Mapping[str, Any]  # what a file system says of a file, in words of its own


@final
class Sending:
    """Whether the address took what was written last; `works` is None before the first try."""

    def __init__(self) -> None:
        self.works: bool | None = None


class Remote(NamedTuple):
    """A file system, and the folder on it; `given` names both, with a password if the user gave one."""

    files: "AbstractFileSystem"
    root: str
    given: str
    sending: Sending

    @property
    def address(self) -> str:
        """The address as it is printed."""
        return shown(self.given)


def is_address(text: str) -> bool:
    """Whether this names a file system: `s3://bucket/results`."""
    return "://" in text


def shown(address: str) -> str:
    """The address without user and password."""
    return CREDENTIALS.sub("", address)


@cache
def opened(address: str) -> Remote:
    """The file system and the folder of an address. Raises UsageError if there is none."""
    if not is_address(address):  # fsspec would take it for a path below the working directory
        raise UsageError(f"{shown(address)!r}: found no address, {EXPECTED}")
    try:
        import fsspec

        # Objects come from other machines too, so a list is asked for each time.
        protocol = address.partition("://")[0]
        files, root = fsspec.url_to_fs(address, use_listings_cache=False, **_options(protocol))
    except ImportError as error:
        raise UsageError(f"{shown(address)}: {error}; for S3 `pip install 'levelfield[s3]'`") from None
    except Exception as error:  # noqa: BLE001 (each file system has errors of its own)
        first = next(iter(_reason(error, address).splitlines()), type(error).__name__)
        raise UsageError(f"{shown(address)}: {first[:LONGEST]}, {EXPECTED}") from None
    if protocol in S3:
        files.retries = TRIES
    return Remote(files, root.rstrip("/"), address, Sending())


def listed(remote: Remote, place: str) -> dict[str, Entry]:
    """What lies directly below a place, by its name; nothing if there is no such place.

    Raises FileNotFoundError if there is not even the bucket.
    """
    try:
        found = remote.files.ls(f"{remote.root}/{place}", detail=True)
    except FileNotFoundError as error:
        if NO_BUCKET in str(error):
            raise
        return {}
    return {str(entry["name"]).rstrip("/").rpartition("/")[2]: entry for entry in found}


def version(entry: Entry) -> str:
    """A text that differs after a file was written again."""
    return " ".join(f"{key}={entry[key]}" for key in VERSION if key in entry)


def contents(remote: Remote, places: Iterable[str]) -> list[bytes]:
    """The contents of these objects, many at a time where the file system can do that."""
    paths = [f"{remote.root}/{place}" for place in places]
    if not paths:
        return []
    found: Mapping[str, bytes] | bytes = remote.files.cat(paths)
    if isinstance(found, bytes):  # a list of one
        return [found]
    by_end = {path.lstrip("/"): content for path, content in found.items()}
    return [by_end[path.lstrip("/")] for path in paths]


def write(files: "AbstractFileSystem", path: str, content: bytes, **how: str) -> None:
    """Write a file, in a limited time where the file system can limit it."""
    limit = {"timeout": LONGEST_WRITE_S} if files.async_impl else {}
    files.pipe_file(path, content, **how, **limit)


def create(remote: Remote, place: str, content: bytes) -> bool:
    """Write an object that is never replaced; False if there is one with another content."""
    path = f"{remote.root}/{place}"
    try:
        _create(remote.files, path, content)
    except OSError as error:
        # s3fs says EINVAL if the server does not name the condition that failed.
        is_there = isinstance(error, FileExistsError) or (error.errno == errno.EINVAL and remote.files.exists(path))
        if not is_there:
            raise
        return bool(remote.files.cat_file(path) == content)
    return True


def differing(remote: Remote, objects: Mapping[str, bytes], *, there: Mapping[str, Entry]) -> list[str]:
    """The places of the objects that have another content than this; `there` is what a list says of each."""
    doubtful = [place for place, content in objects.items() if not _looks_like(content, there[place])]
    found = zip(doubtful, contents(remote, doubtful), strict=True)
    return [place for place, content in found if content != objects[place]]


@contextmanager
def speaking(remote: Remote, done: str) -> Iterator[None]:
    """Turn whatever a file system raises into one line."""
    try:
        yield
    except BenchError:
        raise
    except Exception as error:  # noqa: BLE001 (each file system has errors of its own)
        kind = "TimeoutError" if isinstance(error, TimeoutError) else type(error).__name__
        reason = " ".join(_reason(error, remote.given).split()) or "no answer"
        raise BenchError(f"{remote.address}: cannot be {done} ({kind}: {reason}); {HELP}") from None


@contextmanager
def writing(remote: Remote) -> Iterator[None]:
    """The same while something is written; afterwards it is known whether the address takes anything."""
    try:
        with speaking(remote, "written"):
            yield
    except BenchError:
        remote.sending.works = False
        raise
    remote.sending.works = True


def _options(protocol: str) -> Mapping[str, Any]:
    """The options of a file system; those that the user has given to fsspec go first."""
    if protocol not in S3:
        return {}
    import fsspec

    given = fsspec.config.conf.get(protocol, {}).get("config_kwargs", {})
    # Records are small, so none is read in several parts: s3fs would ask for the length of each one first.
    return {"max_concurrency": 1, "config_kwargs": {**SILENCE, **given}}


def _looks_like(content: bytes, entry: Entry) -> bool:
    """Whether a list is enough to say that an object has this content: the ETag of an object on S3 is often its MD5.

    Encrypted objects have another one, and other file systems have none, so there it has to be read.
    """
    return str(entry.get("ETag")).strip('"') == hashlib.md5(content, usedforsecurity=False).hexdigest()


def _create(files: "AbstractFileSystem", path: str, content: bytes) -> None:
    """Write a file. Raises FileExistsError if it is there."""
    try:
        write(files, path, content, mode="create")
    except (NotImplementedError, TypeError, OSError) as error:  # the last one with ENOSYS
        if isinstance(error, OSError) and error.errno != errno.ENOSYS:
            raise
        if files.exists(path):
            raise FileExistsError(path) from None
        write(files, path, content)


def _reason(error: Exception, address: str) -> str:
    """The text of an error without the user and the password of an address."""
    text, found = str(error), CREDENTIALS.search(address)
    if found is None:
        return text
    password = found[0][:-1].partition(":")[2]
    for secret, instead in ((found[0], ""), (found[0][:-1], "***"), (password, "***")):
        for form in (secret, unquote(secret)):
            text = text.replace(form, instead) if form else text
    return text
