import gzip
import hashlib
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from bench.datasets import mnist
from bench.datasets.base import checksum, load
from bench.datasets.mnist import parse_idx
from bench.errors import DataError

FOLDERS = [os.environ.get("LEVELFIELD_DATA", ""), str(Path(__file__).parents[3].parent / "shared" / "data")]
REAL = [
    Path(folder) for folder in FOLDERS if folder and (Path(folder) / "mnist" / mnist.FILES["train"][0].name).is_file()
]
IMAGES = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
HEADER = bytes((0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3))
WHOLE = HEADER + IMAGES.tobytes()


def _checked_as(name: str, content: bytes) -> None:
    """Make the sha256 of `content` the expected one of the file with the test images."""
    images, labels = mnist.FILES["test"]
    assert images.name == name
    mnist.FILES["test"] = (replace(images, sha256=hashlib.sha256(content).hexdigest()), labels)


@pytest.mark.usefixtures("small_mnist")
def test_pixels_and_labels_are_read_as_written() -> None:
    unit, standard = load({"name": "mnist"}), load({"name": "mnist", "scaling": "standard"})
    pixels = (np.arange(10 * 784) % 256).reshape(10, 28, 28) / 255
    assert np.array_equal(unit.test.inputs, pixels.astype(np.float32))
    assert np.allclose(standard.test.inputs, (pixels - 0.1307) / 0.3081, rtol=0, atol=1e-6)
    assert not np.allclose(standard.test.inputs, pixels, rtol=0, atol=1e-6)
    assert unit.test.targets.tolist() == list(range(10))
    assert unit.train.targets.tolist() == list(range(10)) * 2


def test_files_are_parsed_once(small_mnist: Path) -> None:
    first = load({"name": "mnist"}).train
    for file in (small_mnist / "mnist").glob("train-*"):
        file.unlink()
    again = load({"name": "mnist"}).train
    assert np.array_equal(first.inputs, again.inputs)
    (small_mnist / "mnist" / "test-images.gz").unlink()
    with pytest.raises(DataError, match="no such file"):
        _ = load({"name": "mnist"}).test


def test_the_cache_has_one_file_for_each_sha256(small_mnist: Path) -> None:
    before = load({"name": "mnist"}).test
    path = small_mnist / "mnist" / "test-images.gz"
    content = gzip.compress(bytes((0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 28, 0, 0, 0, 28)) + b"\xff" * 7840)
    path.write_bytes(content)
    _checked_as(path.name, content)
    after = load({"name": "mnist"}).test
    assert (after.inputs == 1).all()
    assert not np.array_equal(before.inputs, after.inputs)


@pytest.mark.parametrize("damage", [b"", b"no array", b"\x93NUMPY\x01\x00"], ids=["empty", "text", "torn"])
@pytest.mark.usefixtures("small_mnist")
def test_a_damaged_file_in_the_cache_is_named_with_the_remedy(tmp_path: Path, damage: bytes) -> None:
    _ = load({"name": "mnist"}).test
    cached = next((tmp_path / "cache" / "mnist").glob("test-images*.npy"))
    cached.write_bytes(damage)
    with pytest.raises(DataError, match=rf"{cached}: found .*, expected a complete NumPy file; delete this file"):
        _ = load({"name": "mnist"}).test
    cached.unlink()
    assert len(load({"name": "mnist"}).test) == 10


@pytest.mark.usefixtures("small_mnist")
def test_a_cached_array_of_another_shape_is_refused(tmp_path: Path) -> None:
    _ = load({"name": "mnist"}).test
    cached = next((tmp_path / "cache" / "mnist").glob("test-images*.npy"))
    np.save(cached, np.zeros((9, 28, 28), np.uint8))
    with pytest.raises(DataError, match=r"found uint8 of shape \(9, 28, 28\), expected uint8 of shape \(10, 28, 28\)"):
        _ = load({"name": "mnist"}).test


@pytest.mark.usefixtures("small_mnist")
def test_a_cache_that_cannot_be_written_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="expected a folder with free space and write permission; set LEVELFIELD_CACHE"):
        _ = load({"name": "mnist"}).test


def test_a_file_with_another_sha256_is_refused(small_mnist: Path) -> None:
    path = small_mnist / "mnist" / "test-labels.gz"
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(path.read_bytes() + b"x")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(DataError, match=rf"{path}: found sha256 {found}, expected {expected}; replace the file"):
        _ = load({"name": "mnist"}).test


@pytest.mark.usefixtures("served")
def test_a_download_gives_the_same_arrays_as_the_folder(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloaded = load({"name": "mnist"}).train
    monkeypatch.setenv("LEVELFIELD_DATA", str(small_mnist))
    monkeypatch.setenv("LEVELFIELD_CACHE", str(small_mnist / "another"))
    assert np.array_equal(downloaded.inputs, load({"name": "mnist"}).train.inputs)
    assert not np.array_equal(downloaded.inputs[:10], load({"name": "mnist"}).test.inputs[::-1])


def test_a_download_is_made_once(served: Path, tmp_path: Path) -> None:
    _ = load({"name": "mnist"}).test
    for cached in (tmp_path / "cache" / "mnist").glob("*.npy"):
        cached.unlink()
    for file in served.iterdir():
        file.unlink()
    assert len(load({"name": "mnist"}).test) == 10
    with pytest.raises(DataError, match="404"):
        _ = load({"name": "mnist"}).train


def test_a_download_with_another_sha256_is_refused_and_not_kept(served: Path, tmp_path: Path) -> None:
    right = (served / "test-images.gz").read_bytes()
    (served / "test-images.gz").write_bytes(right[:-1] + b"x")
    with pytest.raises(
        DataError, match=r"/test-images\.gz: the download failed: .*; expected a file with sha256 .*LEVELFIELD_DATA"
    ):
        _ = load({"name": "mnist"}).test
    assert not (tmp_path / "cache" / "mnist" / "test-images.gz").exists()
    (served / "test-images.gz").write_bytes(right)
    assert len(load({"name": "mnist"}).test) == 10


def test_a_missing_download_names_the_address(served: Path) -> None:
    (served / "test-images.gz").unlink()
    with pytest.raises(
        DataError, match=r"http://127\.0\.0\.1:\d+/test-images\.gz: the download failed: 404 .*check the network"
    ):
        _ = load({"name": "mnist"}).test


@pytest.mark.usefixtures("served")
def test_a_missing_server_is_a_data_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "ADDRESS", "http://127.0.0.1:9/")
    with pytest.raises(
        DataError, match=r"http://127\.0\.0\.1:9/test-images\.gz: the download failed: .*check the network"
    ):
        _ = load({"name": "mnist"}).test


def test_a_truncated_download_is_refused_by_the_reader_too(served: Path) -> None:
    content = (served / "test-images.gz").read_bytes()[:-9]
    (served / "test-images.gz").write_bytes(content)
    _checked_as("test-images.gz", content)
    with pytest.raises(DataError, match=r"test-images\.gz: found .*, expected a complete gzip file; replace the file"):
        _ = load({"name": "mnist"}).test


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes((0, 0, 9, 3)) + WHOLE[4:], "found the header '00000903 .*', expected '00000803 "),
        (bytes((0, 0, 8, 2)) + WHOLE[4:], "found the header '00000802 .*', expected '00000803 "),
        (b"", "found the header '', expected '00000803 "),
        (WHOLE[:9], "found the header '00 00080300 00000200', expected '00000803 "),
        (
            bytes((0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9)) + IMAGES.tobytes(),
            r".* 00000001 00000009', expected .* \(bytes of shape \(2, 3, 3\)\)",
        ),
        (WHOLE[:-1], "found 17 values, expected 18"),
        (WHOLE + b"x", "found 19 values, expected 18"),
    ],
)
def test_a_malformed_file_names_what_was_found_and_expected(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=rf"{path}: {message}.*; replace the file"):
        parse_idx(path, shape=(2, 3, 3))
    path.write_bytes(gzip.compress(WHOLE))
    assert np.array_equal(parse_idx(path, shape=(2, 3, 3)), IMAGES)


def test_a_label_that_is_no_digit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(bytes((0, 0, 8, 1, 0, 0, 0, 3, 0, 9, 10))))
    with pytest.raises(DataError, match=f"{path}: found the label 10, expected 0 to 9"):
        parse_idx(path, shape=(3,))


@pytest.mark.parametrize("content", [b"", b"text", gzip.compress(WHOLE)[:30]], ids=["empty", "text", "torn"])
def test_an_incomplete_gzip_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{path}: found"):
        parse_idx(path, shape=(2, 3, 3))


READER = """
import resource, sys
from bench.datasets import mnist
from bench.datasets.base import checksum
files, largest = eval(sys.argv[1])
mnist.FILES["test"] = tuple(mnist.IdxFile(**file) for file in files)
resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
print("ready", flush=True)
sys.stdin.readline()
part = mnist.read(mnist.Options(), "test")
print(checksum(part.inputs, part.targets))
"""


def _readers(number: int, *, largest_file: int = 1_000_000) -> list[tuple[str, str, int]]:
    """Output, error output and exit status of `number` processes that read the test part at the same moment."""
    files = [asdict(file) for file in mnist.FILES["test"]]
    command = [sys.executable, "-c", READER, repr((files, largest_file))]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) for _ in range(number)]
    for process in started:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    return [(*process.communicate(), process.returncode) for process in started]


def test_processes_that_parse_at_the_same_time_read_complete_arrays(small_mnist: Path) -> None:
    """All processes start with an empty cache; each reads complete arrays, and no temporary file is left."""
    part = load({"name": "mnist"}).test
    cache = small_mnist.parent / "cache" / "mnist"
    for cached in cache.iterdir():
        cached.unlink()
    assert _readers(3) == [(f"{checksum(part.inputs, part.targets)}\n", "", 0)] * 3
    assert [path.suffix for path in cache.iterdir()] == [".npy", ".npy"]


def test_an_interrupted_write_leaves_no_file_for_other_processes(small_mnist: Path) -> None:
    ((_, complaint, status),) = _readers(1, largest_file=1000)
    assert status == 1
    assert "expected a folder with free space and write permission; set LEVELFIELD_CACHE" in complaint
    assert list((small_mnist.parent / "cache" / "mnist").iterdir()) == []
    assert _readers(1)[0][2] == 0


if REAL:

    def test_the_public_files_are_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LEVELFIELD_DATA", str(REAL[0]))
        monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path))
        dataset = load({"name": "mnist"})
        assert dataset.train.targets[:5].tolist() == [5, 0, 4, 1, 9]
        assert dataset.test.targets[:5].tolist() == [7, 2, 1, 0, 4]
        assert dataset.train.inputs.mean() == pytest.approx(0.1307, abs=5e-5)
        assert dataset.train.inputs.std() == pytest.approx(0.3081, abs=5e-5)
        assert dataset.test.inputs.mean() != pytest.approx(0.1307, abs=5e-5)
