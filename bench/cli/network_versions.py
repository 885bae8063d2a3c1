"""Two versions of a network of one's own: they are measured in turns, and not mixed in one run.

`levelfield run unet.toml --against CHECKOUT` measures them in turns. CHECKOUT is then a checkout of the user's
project, for example a git worktree of an earlier commit. Both versions are measured by this Levelfield. Their TOML
files and their `spec.py` have to say the same; the files of frameworks may differ.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import workload_places
from bench.cli.console import USAGE, fail
from bench.errors import NotComparableError

if TYPE_CHECKING:
    from bench.plan.options import Options
    from bench.records.store import RunFolder
    from bench.workload.workload import Workload

KNOWS_FOLDERS = Path("bench", "workload", "own_families.py")  # a checkout of Levelfield without it knows no folders


def files(options: "Options") -> tuple[Path, ...]:
    """The workloads that are TOML files; none if another workload is asked for too."""
    words = workload_places.words(options)
    return tuple(map(Path, words)) if all(word.endswith(".toml") for word in words) else ()


def other(checkout: Path, options: "Options") -> "Options":
    """The options that measure the version in the other checkout of the project.

    Fails if a file is missing there. Raises NotComparableError if both versions do different work.
    """
    from bench.workload.workload import load_workload

    found = {file: _there(checkout.resolve(), file.resolve()) for file in files(options)}
    for file, there in found.items():
        if load_workload(str(file)).digest != load_workload(str(there)).digest:
            raise NotComparableError(
                f"--against: {there} and {file} describe different work, expected the same content, and the same "
                "spec.py beside it: only the files of the frameworks may differ; run both, and compare their reports"
            )
    return replace(options, workload=",".join(map(str, found.values())))


def changed(run: "RunFolder", workloads: "Iterable[Workload]") -> list[str]:
    """The networks in folders of which a framework's file has changed since the run measured it.

    The digest of a workload does not cover the files of frameworks. What was not measured yet may change.
    """
    from bench.run.proofs import source_digest
    from bench.workload import own_families

    own = {item.name: item for item in workloads if own_families.is_folder(item.family)}
    measured = run.read(warn=lambda _: None) if own else []
    known = {
        (item.case.workload, item.case.framework): item.source_digest for item in measured if item.case.workload in own
    }
    return [
        f"{Path(own[name].family) / framework}.py"
        for (name, framework), digest in known.items()
        if source_digest(own[name], framework) != digest
    ]


def check_knows_folders(checkout: Path, options: "Options") -> None:
    """Fail if a workload has a network in a folder, and the other checkout of Levelfield cannot load one."""
    from bench.workload import own_families
    from bench.workload.workload import load_workload

    if (checkout / KNOWS_FOLDERS).is_file():
        return
    for file in (word for word in workload_places.words(options) if word.endswith(".toml")):
        workload = load_workload(file)
        if own_families.is_folder(workload.family):
            fail(
                f"--against: {checkout} is a version of Levelfield that loads no network from a folder, which "
                f"{file} has; expected a later version",
                USAGE,
            )


def _there(checkout: Path, file: Path) -> Path:
    """The same file in the other checkout of the user's project."""
    root = next((folder for folder in file.parents if (folder / ".git").exists()), file.parent)
    there = checkout / file.relative_to(root)
    if not there.is_file():
        fail(
            f"--against: found no {there}, expected a checkout of Levelfield, or of the project in {root}: "
            "`git worktree add FOLDER COMMIT` makes one",
            USAGE,
        )
    return there
