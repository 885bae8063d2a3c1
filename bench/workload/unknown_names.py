"""Says what a user probably meant by a name that is no workload: a data file, a folder, or a misspelt name."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from bench.errors import meant

# `suite.py` has this folder too, but imports the module of workloads, which imports this one.
SUITES = Path(__file__).parents[1] / "suites"
# Data files that `levelfield init data` takes, and those that have to be converted first.
TAKEN = (".csv", ".npz", ".parquet", ".tsv", ".txt")
OTHERS = (".arff", ".feather", ".h5", ".hdf5", ".json", ".jsonl", ".npy", ".xls", ".xlsx")
ALL = "`levelfield list workloads` names all"
HELP = "see docs/how-to/own-data.md"


def remark(name: str, known: Sequence[str]) -> str:
    """The text to put after `found 'NAME'` for a name that is neither a known workload nor the path of a TOML file."""
    if Path(name).name == name and (SUITES / f"{name}.toml").is_file():
        return f", which is the name of a suite: use `levelfield run --suite {name}`"
    suffix = Path(name).suffix.lower()
    if suffix in TAKEN:
        return f", which is a data file: `levelfield init data {quote(name)}` writes a workload for it ({HELP})"
    if suffix in OTHERS:
        return f", which is a data file: convert it to .csv or .npz, and use `levelfield init data` ({HELP})"
    if name and Path(name).is_dir():
        return (
            f", which is a folder: `levelfield init data {quote(name)}` writes a workload for a folder with images or "
            f"IDX files ({HELP})"
        )
    if near := meant(name, known):
        return f"{near}, expected the name of a workload or the path of a TOML file; {ALL}"
    return f", expected one of {', '.join(known)}, or the path of a TOML file"
