"""A family in a folder, as `levelfield init model` writes it, and changes of its files."""

from pathlib import Path

from bench.cli.init import NEW_MODEL


def write_family(folder: Path, *frameworks: str) -> Path:
    """The folder `mine` with the files of these frameworks, or of all, and the workload `mine.toml` beside it."""
    family = folder / "mine"
    family.mkdir(parents=True)
    for source in NEW_MODEL.glob("*.txt"):
        name = source.stem
        if name in {"workload.toml", "spec.py"} or not frameworks or name.removesuffix(".py") in frameworks:
            place = folder / "mine.toml" if name == "workload.toml" else family / name
            place.write_text(source.read_text().replace("@NAME@", "mine"))
    return family


def change(path: Path, old: str, new: str) -> None:
    """Replace a text that is there once."""
    text = path.read_text()
    assert text.count(old) == 1, f"{path}: {old!r} is there {text.count(old)} times"
    path.write_text(text.replace(old, new))
