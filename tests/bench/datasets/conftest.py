"""A small MNIST that the tests write themselves, and a web server for it on this machine."""

import gzip
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from bench.datasets import mnist
from bench.datasets.description import Part
from bench.datasets.mnist import IdxFile

SIZES: dict[Part, int] = {"train": 20, "test": 10}


def idx(values: np.ndarray) -> bytes:
    """The values in the IDX format, not yet compressed."""
    lengths = b"".join(length.to_bytes(4, "big") for length in values.shape)
    return bytes((0, 0, 8, values.ndim)) + lengths + values.astype(np.uint8).tobytes()


def small_file(path: Path, values: np.ndarray) -> IdxFile:
    """Writes the values as a gzipped IDX file; returns its name, sha256 and shape, as mnist.py needs them."""
    content = gzip.compress(idx(values), mtime=0)
    path.write_bytes(content)
    return IdxFile(name=path.name, sha256=hashlib.sha256(content).hexdigest(), shape=values.shape)


@pytest.fixture
def small_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder LEVELFIELD_DATA with 20 training images and 10 test images in place of MNIST; the cache is empty."""
    folder = tmp_path / "data"
    (folder / "mnist").mkdir(parents=True)
    for part, size in SIZES.items():
        images = np.arange(size * 28 * 28).reshape(size, 28, 28) % 256
        arrays = {"images": images, "labels": np.arange(size) % 10}
        files = [small_file(folder / "mnist" / f"{part}-{name}.gz", values) for name, values in arrays.items()]
        monkeypatch.setitem(mnist.FILES, part, tuple(files))
    monkeypatch.setenv("LEVELFIELD_DATA", str(folder))
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))
    return folder


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name in the standard library)
        """Nothing: requests are not news."""


@contextmanager
def serving(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server on this machine that serves the files of a folder; LEVELFIELD_DATA is not set."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.delenv("LEVELFIELD_DATA", raising=False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def served(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the small MNIST's files, from which a server serves them as downloads."""
    folder = small_mnist / "mnist"
    with serving(folder, monkeypatch) as address:
        monkeypatch.setattr(mnist, "ADDRESS", address)
        yield folder
