"""Arrays as people have them: Keras' four arrays, labels in every form, IDX files, folders of images."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.datasets.base import load
from bench.datasets.description import describe
from bench.errors import DataError, UsageError

INPUTS = np.random.default_rng(0).normal(size=(40, 6))
LABELS = np.arange(40) % 2


def arrays(folder: Path, name: str = "own.npz", **found: np.ndarray) -> dict[str, object]:
    path = folder / name
    np.savez(path, **found)  # type: ignore[arg-type]
    return {"kind": "npz", "path": str(path), "task": "classification"}


def test_the_four_arrays_of_keras_are_read_with_their_test_part_in_its_order(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (50, 8, 8), dtype=np.uint8)
    labels = (np.arange(50) % 5).astype(np.uint8)
    table = arrays(tmp_path, x_train=pixels[:40], y_train=labels[:40], x_test=pixels[40:], y_test=labels[40:])
    found = load({**table, "scale": 255})
    assert (found.description.train, found.description.test, found.description.outputs) == (40, 10, 5)
    np.testing.assert_array_equal(found.test.inputs, np.float32(pixels[40:]) / np.float32(255))
    np.testing.assert_array_equal(found.test.targets, labels[40:])
    assert "x_train and y_train are read as inputs and targets" in " ".join(found.description.remarks)
    scaled = load({**table, "standardise": True, "scale": 255})
    expected = pixels[:40].reshape(40, -1) / 255
    test = (pixels[40:].reshape(10, -1) / 255 - expected.mean(axis=0)) / expected.std(axis=0)
    np.testing.assert_allclose(scaled.test.inputs.reshape(10, -1), test, rtol=1e-4, atol=1e-6)
    alone = describe({**table, "inputs": "x_train", "target": "y_train"})
    assert (alone.train, alone.test) == (32, 8)


FORMS = {
    "a column": (LABELS[:, None], ()),
    "truth values": (LABELS.astype(bool), ("false", "true")),
    "whole numbers with a decimal point": (LABELS.astype(float), ()),
    "text": (np.array(["ash", "elm"])[LABELS], ("ash", "elm")),
    "bytes": (np.array([b"ash", b"elm"])[LABELS], ("ash", "elm")),
    "one-hot": (np.eye(2)[LABELS], ()),
    "numbers from 1": (LABELS + 1, ("1", "2")),
    "minus one and one": (2 * LABELS - 1, ("-1", "1")),
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_are_taken_in_every_usual_form(tmp_path: Path, form: str) -> None:
    labels, names = FORMS[form]
    found = load(arrays(tmp_path, inputs=INPUTS, targets=labels))
    plain = load(arrays(tmp_path, "plain.npz", inputs=INPUTS, targets=LABELS))
    assert found.description.labels == names
    np.testing.assert_array_equal(found.train.targets, plain.train.targets)
    np.testing.assert_array_equal(found.train.inputs, plain.train.inputs)


def test_labels_in_another_order_would_be_seen(tmp_path: Path) -> None:
    found = load(arrays(tmp_path, inputs=INPUTS, targets=1 - LABELS))
    plain = load(arrays(tmp_path, "plain.npz", inputs=INPUTS, targets=LABELS))
    assert (found.train.targets != plain.train.targets).all()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS + 0.5, "found numbers with decimals, expected labels"),
        (np.arange(40), "found 40 different labels in 40 samples"),
        (np.ones((40, 3)), r"found labels of shape \(40, 3\), expected one label for each sample"),
        (np.array([""] * 40), "sample 0: found an empty label"),
    ],
)
def test_what_is_no_label_is_refused(tmp_path: Path, labels: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        describe(arrays(tmp_path, inputs=INPUTS, targets=labels))


def test_samples_of_one_group_stay_together(tmp_path: Path) -> None:
    groups = np.array([f"p{number // 4}" for number in range(40)])
    inputs = np.repeat(np.arange(10), 4)[:, None].astype(float)
    found = load(arrays(tmp_path, inputs=inputs, targets=LABELS, who=groups) | {"groups": "who"})
    assert not set(found.train.inputs[:, 0]) & set(found.test.inputs[:, 0])
    torn = load(arrays(tmp_path, inputs=inputs, targets=LABELS))
    assert set(torn.train.inputs[:, 0]) & set(torn.test.inputs[:, 0])


def idx(path: Path, values: np.ndarray) -> Path:
    header = bytes([0, 0, 8, values.ndim]) + b"".join(length.to_bytes(4, "big") for length in values.shape)
    content = header + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def mnist_like(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    pixels = np.random.default_rng(2).integers(0, 256, (30, 5, 5))
    labels = np.arange(30) % 3
    idx(folder / "train-images-idx3-ubyte.gz", pixels[:24])
    idx(folder / "train-labels-idx1-ubyte", labels[:24])
    idx(folder / "t10k-images-idx3-ubyte", pixels[24:])
    idx(folder / "t10k-labels-idx1-ubyte.gz", labels[24:])
    return pixels, labels


def test_idx_files_are_read_from_a_folder_or_one_by_one(tmp_path: Path) -> None:
    pixels, labels = mnist_like(tmp_path)
    found = load({"kind": "idx", "path": str(tmp_path), "scale": 255, "classes": ["a", "b", "c"]})
    np.testing.assert_array_equal(found.train.inputs, np.float32(pixels[:24]) / np.float32(255))
    np.testing.assert_array_equal(found.test.targets, labels[24:])
    assert found.description.labels == ("a", "b", "c")
    names = {"images": "train-images-idx3-ubyte.gz", "labels": "train-labels-idx1-ubyte"}
    files = {key: str(tmp_path / name) for key, name in names.items()}
    assert describe({"kind": "idx", "stratify": True, **files}).test == 5
    with pytest.raises(UsageError, match="found path together with files"):
        describe({"kind": "idx", "path": str(tmp_path), **files})


def test_damaged_idx_files_are_all_named(tmp_path: Path) -> None:
    mnist_like(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(b"no idx file")
    whole = (tmp_path / "train-labels-idx1-ubyte").read_bytes()
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(whole[:-3])
    with pytest.raises(DataError) as caught:
        describe({"kind": "idx", "path": str(tmp_path)})
    assert "found the first bytes '6e 6f 20 69'" in str(caught.value)
    assert "found 21 bytes of values, expected 24 for the shape (24,)" in str(caught.value)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="found no train-labels-idx1-ubyte"):
        describe({"kind": "idx", "path": str(tmp_path)})


def photos(folder: Path, *, number: int = 6, size: tuple[int, int] = (10, 8)) -> Path:
    generator = np.random.default_rng(3)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for place in range(number):
            pixels = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{place}.png")
    return folder


def test_a_folder_of_images_has_a_class_for_each_folder(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "cat" / "Thumbs.db").write_bytes(b"x")
    found = load({"kind": "images", "path": str(folder), "stratify": True})
    assert found.description.labels == ("cat", "dog")
    assert found.description.sample_shape == (10, 8, 3)
    first = np.asarray(Image.open(folder / "cat" / "0.png"), np.float32) / np.float32(255)
    every = np.concatenate([found.train.inputs, found.test.inputs])
    assert any(np.array_equal(first, image) for image in every)
    grey = describe({"kind": "images", "path": str(folder), "stratify": True, "colour": "grey", "size": [4, 6]})
    assert grey.sample_shape == (4, 6, 1)


def test_every_file_that_is_no_image_is_named_and_sizes_that_differ_have_an_option(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    (folder / "cat" / "notes.txt").write_text("no image")
    content = (folder / "dog" / "1.png").read_bytes()
    (folder / "dog" / "1.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError) as caught:
        describe({"kind": "images", "path": str(folder)})
    assert "cat/notes.txt: found no image" in str(caught.value)
    assert "dog/1.png: found a damaged image" in str(caught.value)
    (folder / "cat" / "notes.txt").unlink()
    Image.new("RGB", (20, 12)).save(folder / "dog" / "1.png")
    with pytest.raises(DataError, match=r"sizes 10x8, 12x20 \(height x width\).*dataset\.size = \[12, 20\]"):
        describe({"kind": "images", "path": str(folder)})
    assert describe({"kind": "images", "path": str(folder), "size": [10, 8], "stratify": True}).outputs == 2


def test_folders_of_parts_are_told_with_both_options(tmp_path: Path) -> None:
    photos(tmp_path / "all" / "train")
    photos(tmp_path / "all" / "test", number=3)
    with pytest.raises(DataError, match=r'dataset\.path = "all/train" and dataset\.test_path = "all/test"'):
        describe({"kind": "images", "path": str(tmp_path / "all")})
    table = {"kind": "images", "path": str(tmp_path / "all/train"), "test_path": str(tmp_path / "all/test")}
    found = describe(table)
    assert (found.train, found.test) == (12, 6)
    # The generator has the same seed, so that the test images are copies of training images.
    assert "images of the test data are in" in " ".join(found.remarks)


def test_transparency_and_turned_photos_are_read_as_people_see_them(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    clear = np.zeros((10, 8, 4), np.uint8)
    clear[..., :3] = 200
    Image.fromarray(clear).save(folder / "cat" / "clear.png")
    found = load({"kind": "images", "path": str(folder), "stratify": True})
    assert "1 image had transparency, which is put on black" in " ".join(found.description.remarks)
    assert any(not image.any() for image in np.concatenate([found.train.inputs, found.test.inputs]))
    pixels = np.zeros((8, 10, 3), np.uint8)
    pixels[0] = 255  # the upper edge, which is the right one after a quarter turn
    tall = Image.fromarray(pixels)
    exif = tall.getexif()
    exif[0x0112] = 6  # turned by a quarter
    tall.save(folder / "dog" / "turned.png", exif=exif)
    turned = load({"kind": "images", "path": str(folder), "stratify": True})
    assert turned.description.sample_shape == (10, 8, 3)
    every = np.concatenate([turned.train.inputs, turned.test.inputs])
    assert any(image[:, -1].all() and not image[:, :-1].any() for image in every)
