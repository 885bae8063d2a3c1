"""Says what a user probably meant by a name that is no workload: a data file, a folder, or a misspelt name."""

from collections.abc import Sequence
from pathlib import Path

from bench.datasets.description import FILES
from bench.errors import meant

# `suite.py` has this folder too, but imports the module of workloads, which imports this one.
SUITES = Path(__file__).parents[1] / "suites"
# The key of the table `[dataset]` for a data file, by the suffix of the file.
KINDS = {f".{kind}": f'`kind = "{kind}"`' for kind in FILES}
ANY_KIND = " or ".join(KINDS.values())
# Data files that have to be converted first.
OTHERS = (".arff", ".feather", ".h5", ".hdf5", ".json", ".jsonl", ".npy", ".parquet", ".tsv", ".txt", ".xls", ".xlsx")
ALL = "`levelfield list workloads` names all"
HELP = "see docs/how-to/own-workload.md"


def remark(name: str, known: Sequence[str]) -> str:
    """The text to put after `found 'NAME'` for a name that is neither a known workload nor the path of a TOML file."""
    if Path(name).name == name and (SUITES / f"{name}.toml").is_file():
        return f", which is the name of a suite: use `levelfield run --suite {name}`"
    suffix = Path(name).suffix.lower()
    if suffix in KINDS:
        return f", which is a data file: write a TOML file that names it ({KINDS[suffix]}; {HELP})"
    if suffix in OTHERS:
        return (
            ", which is a data file: convert it to .csv or .npz, and write a TOML file that names the new file "
            f"({ANY_KIND}; {HELP})"
        )
    if name and Path(name).is_dir():
        return f", which is a folder: write a TOML file that names a .csv or .npz file ({ANY_KIND}; {HELP})"
    if near := meant(name, known):
        return f"{near}, expected the name of a workload or the path of a TOML file; {ALL}"
    return f", expected one of {', '.join(known)}, or the path of a TOML file"
