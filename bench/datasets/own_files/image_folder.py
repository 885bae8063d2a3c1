"""Reads the images below a folder, one folder for each class, as arrays of pixels."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from bench.datasets.own_files.rows import counted, plain
from bench.datasets.own_files.user_arrays import UserArrays
from bench.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

Colour = Literal["rgb", "grey"]
MODES = {"rgb": "RGB", "grey": "L"}
GREY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N"}  # Pillow's names of modes without colours
SIXTEEN = {"I", "I;16", "I;16B", "I;16L", "I;16N"}  # of modes with more than 8 bits
TURNED = {5, 6, 7, 8}  # values of the camera's mark for photos that lie on their side
ORIENTATION = 0x0112
# Files that systems leave in folders.
LEFT_BEHIND = {".ds_store", "thumbs.db", "desktop.ini"}
PARTS = {"train", "training", "test", "testing", "val", "valid", "validation"}
WHITE = 255
LARGEST = 64  # pixels of a side that a new workload resizes to
SHOWN = 8  # files, sizes


class Found(NamedTuple):
    """The images with their labels, and a digest of each file."""

    arrays: UserArrays
    digests: frozenset[str]


class _Opened(NamedTuple):
    """The images and labels of all files that can be read, the sizes before resizing, and what is wrong with others."""

    pixels: list[np.ndarray]
    labels: list[int]
    digests: list[str]
    problems: list[str]
    notes: dict[str, int]


def read(
    folder: Path,
    *,
    size: tuple[int, int] | None,
    colour: Colour | None,
    classes: Sequence[str] | None = None,
    resize: bool = True,
) -> Found:
    """All images below the folders of the classes, sorted by name.

    Raises DataError with every file that cannot be read, for images of different sizes without `size`, and for folders
    that are no classes.
    """
    names = _classes(folder, classes)
    files = [(path, label) for label, name in enumerate(names) for path in _files(folder / name)]
    if not files:
        raise DataError(f"{folder}: found no image in {counted(len(names), 'folder')}, expected images in each of them")
    colour = colour or _colour([path for path, _ in files])
    opened = _opened(files, size=size if resize else None, colour=colour)
    problems = [*opened.problems, *_sizes(opened, size)]
    if problems:
        raise DataError(f"{folder}: {'; '.join(problems)}")
    counts = np.bincount(opened.labels, minlength=len(names)).tolist()
    empty = [name for name, number in zip(names, counts, strict=True) if not number and classes is None]
    if empty:
        raise DataError(f"{folder}: found no image in {', '.join(map(plain, empty))}, expected images of every class")
    remarks = tuple(f"{folder}: {counted(number, 'image')} {note}" for note, number in opened.notes.items())
    twice = len(opened.digests) - len(set(opened.digests))
    if twice:
        are = "is a copy of another one, so both may be in" if twice == 1 else "are copies of others, which may be in"
        remarks += (f"{folder}: {counted(twice, 'image')} {are} different parts",)
    arrays = UserArrays(
        np.stack(opened.pixels), np.array(opened.labels, np.int64), tuple(names), len(names), remarks=remarks
    )
    return Found(arrays, frozenset(opened.digests))


def loose(path: Path, shape: tuple[int, ...]) -> tuple[np.ndarray, list[str]]:
    """One image, or all images below a folder, resized to the shape, and the folder below it that each is in."""
    files = [path] if path.is_file() else _files(path)
    if not files:
        raise DataError(f"{path}: found no image, expected an image or a folder with images")
    colour: Colour = "grey" if shape[2] == 1 else "rgb"
    opened = _opened([(file, 0) for file in files], size=(shape[0], shape[1]), colour=colour)
    if opened.problems:
        raise DataError(f"{path}: {'; '.join(opened.problems)}")
    folders = [file.relative_to(path).parts[:-1] if path.is_dir() else () for file in files]
    own = path.name if path.is_dir() else path.parent.name
    return np.stack(opened.pixels), [parts[0] if parts else own for parts in folders]


def parts(folder: Path) -> tuple[Path, Path | None]:
    """The folder with the classes of the training data, and that of the test data if there is one."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not names or not {name.casefold() for name in names} <= PARTS:
        return folder, None
    train = next((name for name in names if name.casefold().startswith("train")), None)
    test = next((name for start in ("test", "val") for name in names if name.casefold().startswith(start)), None)
    if train is None:
        raise DataError(f"{folder}: found the folders {', '.join(names)}, expected one with the training data")
    return folder / train, None if test is None else folder / test


def likely_size(folder: Path) -> tuple[int, int] | None:
    """The height and width to resize to, at most 64 pixels each; None if all have one size that is not larger."""
    from PIL import Image

    sizes = set()
    for path in _files(folder):
        try:
            with Image.open(path) as image:
                turned = image.getexif().get(ORIENTATION) in TURNED
                sizes.add(image.size if turned else image.size[::-1])
        except _unreadable():
            continue  # told when it is read
    if not sizes or (len(sizes) == 1 and max(max(sizes)) <= LARGEST):
        return None
    height, width = (sorted(size[axis] for size in sizes)[len(sizes) // 2] for axis in (0, 1))
    return min(height, LARGEST), min(width, LARGEST)


def _unreadable() -> tuple[type[Exception], ...]:
    """What Pillow raises for a file that is no image, that is damaged, or that is too large."""
    from PIL import Image

    return OSError, SyntaxError, ValueError, Image.DecompressionBombError


def _classes(folder: Path, classes: Sequence[str] | None) -> list[str]:
    """The names of the folders, sorted; those of the training data if `classes` are given."""
    if not folder.is_dir():
        raise DataError(f"{folder}: found no such folder, expected one folder for each class in it")
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if {name.casefold() for name in names} <= PARTS and names:
        likely = next((name for name in names if name.casefold().startswith("train")), names[0])
        test = next((name for name in names if name.casefold().startswith("test")), None)
        also = f' and dataset.test_path = "{folder.name}/{test}"' if test else ""
        raise DataError(
            f"{folder}: found the folders {', '.join(names)}, which are parts of the data, expected one folder for "
            f'each class; set dataset.path = "{folder.name}/{likely}"{also}'
        )
    if classes is None:
        if len(names) < 2:  # noqa: PLR2004 (with one class there is nothing to predict)
            found = counted(len(names), "folder")
            raise DataError(f"{folder}: found {found}, expected two or more: one for each class")
        return names
    unknown = [name for name in names if name not in classes]
    if unknown:
        raise DataError(
            f"{folder}: found the folders {', '.join(map(plain, unknown))}, expected only classes of the training "
            f"data: {', '.join(map(plain, classes))}"
        )
    return list(classes)


def _files(folder: Path) -> list[Path]:
    """The files below a folder, sorted, without those that systems leave behind."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    seen = [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return [path for path in seen if path.name.casefold() not in LEFT_BEHIND]


def _colour(files: Sequence[Path]) -> Colour:
    """Grey if every image that can be read is grey."""
    from PIL import Image

    for path in files:
        try:
            with Image.open(path) as image:
                if image.mode not in GREY:
                    return "rgb"
        except _unreadable():
            continue  # told when it is read
    return "grey"


def _opened(files: Sequence[tuple[Path, int]], *, size: tuple[int, int] | None, colour: Colour) -> _Opened:
    from PIL import Image, UnidentifiedImageError

    found = _Opened([], [], [], [], {})
    for path, label in files:
        try:
            with Image.open(path) as image:
                pixels, notes = _pixels(image, size=size, colour=colour)
        except UnidentifiedImageError:
            found.problems.append(f"{path.parent.name}/{path.name}: found no image, expected one; move it elsewhere")
            continue
        except _unreadable() as error:
            what = "too large an image" if isinstance(error, Image.DecompressionBombError) else "a damaged image"
            found.problems.append(f"{path.parent.name}/{path.name}: found {what}, expected one that can be read")
            continue
        found.pixels.append(pixels)
        found.labels.append(label)
        found.digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
        for note in notes:
            found.notes[note] = found.notes.get(note, 0) + 1
    if len(found.problems) > SHOWN:
        found.problems[SHOWN:] = [f"and {len(found.problems) - SHOWN} more files"]
    return found


def _pixels(image: "Image.Image", *, size: tuple[int, int] | None, colour: Colour) -> tuple[np.ndarray, list[str]]:
    """The pixels (height, width, channels) of an image as uint8, turned as the camera says, and what is lost."""
    from PIL import Image, ImageOps

    notes = ["had more than one frame, of which the first is used"] if getattr(image, "n_frames", 1) > 1 else []
    upright = ImageOps.exif_transpose(image)
    if "A" in upright.mode or "transparency" in upright.info:
        clear = upright.convert("RGBA")
        if np.asarray(clear)[..., 3].min() < WHITE:
            notes.append("had transparency, which is put on black")
        upright = Image.alpha_composite(Image.new("RGBA", upright.size, (0, 0, 0, WHITE)), clear)
    if upright.mode == "F":
        raise ValueError("found numbers with decimals, which have no known range")
    if upright.mode in SIXTEEN:
        notes.append("had more than 8 bits for each pixel, of which the upper 8 are used")
        values = np.asarray(upright).astype(np.float64)
        upright = Image.fromarray((values / 257).clip(0, WHITE).astype(np.uint8))
    chosen = upright.convert(MODES[colour])
    if size is not None and chosen.size != size[::-1]:
        chosen = chosen.resize(size[::-1], Image.Resampling.BILINEAR)
    pixels = np.asarray(chosen, np.uint8)
    return (pixels[:, :, None] if pixels.ndim == 2 else pixels), notes  # noqa: PLR2004 (height, width)


def _sizes(opened: _Opened, size: tuple[int, int] | None) -> list[str]:
    """What is wrong with the sizes of the images, if they are not resized."""
    shapes = sorted({pixels.shape[:2] for pixels in opened.pixels})
    fits = len(shapes) == 1 and (size is None or shapes[0] == tuple(size))
    if opened.problems or fits:
        return []
    shown = ", ".join(f"{height}x{width}" for height, width in shapes[:SHOWN])
    more = f" and {len(shapes) - SHOWN} more" if len(shapes) > SHOWN else ""
    middle = shapes[len(shapes) // 2]
    problem = (
        f"found images of the sizes {shown}{more} (height x width), expected one size; resize all with dataset.size = "
        f"[{middle[0]}, {middle[1]}]"
    )
    return [problem]
