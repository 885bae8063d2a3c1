"""A digest changes only if the code of a file changes, and the digests of stored records stay valid."""

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from bench.records.record import last_attempts
from bench.records.records_file import read
from bench.run.worker_client import ROOT
from bench.workload import model_families, source_code
from bench.workload.model_families import spec_source
from bench.workload.workload import load_workload

EXAMPLES = ROOT / "results" / "examples"
RUNS = sorted(EXAMPLES.glob("*/*/records.jsonl"))
# This run used a learning rate ten times as high as the current file of the workload.
OTHER_WORK = {("20261126T134120Z-ad31", "cnn-large")}

SOURCE = '''"""What it is."""

from bench.here import Case


class Network:
    """A network."""

    units = 3

    def forward(self, case: Case) -> str:
        """What it answers."""
        return f"{case!r:>{self.units}}" + "text"  # a comment
'''

SAME = {
    "a comment": ("# a comment", "# another"),
    "the docstring of the file": ('"""What it is."""', '"""What it was."""'),
    "the docstring of a class": ('    """A network."""\n\n', ""),
    "the docstring of a function": ("What it answers.", "What it says."),
    "the place of an import": ("bench.here", "bench.there.now"),
    "the layout": ("units = 3", "units = (\n        3\n    )"),
}
OTHER = {
    "a number": ("units = 3", "units = 4"),
    "a text": ('"text"', '"texts"'),
    "a name that is imported": ("import Case", "import Record as Case"),
    "a format": (":>", ":<"),
    "another library": ("from bench.here", "from numpy"),
    "a statement": ("    units = 3\n", ""),
}


def written(folder: Path, before: str = "", after: str = "") -> Path:
    path = folder / "network.py"
    assert not before or SOURCE.count(before) == 1
    path.write_text(SOURCE.replace(before, after) if before else SOURCE)
    return path


@pytest.mark.parametrize("change", SAME)
def test_comments_docstrings_and_module_paths_do_not_change_the_code(change: str, tmp_path: Path) -> None:
    before = source_code.code(written(tmp_path))
    assert source_code.code(written(tmp_path, *SAME[change])) == before


@pytest.mark.parametrize("change", OTHER)
def test_a_change_of_the_work_changes_the_code(change: str, tmp_path: Path) -> None:
    before = source_code.code(written(tmp_path))
    assert source_code.code(written(tmp_path, *OTHER[change])) != before


@pytest.mark.parametrize("family", ["cnn", "dnn", "lstm", "rnn"])
def test_a_spec_that_does_the_same_work_as_before_keeps_its_earlier_digest(family: str) -> None:
    code = source_code.code_of(model_families.spec_files(family))
    digest = sha256(code).hexdigest()[:16]
    assert digest in source_code.former(), (
        f"the code of {family} has the new digest {digest}. If it still does the same work, enter it in `sources` of "
        f"{source_code.FORMER.name}. If not, stored records of {family} are not comparable: remove this row"
    )
    assert spec_source(family) == source_code.former()[digest] != code


def test_a_spec_that_does_other_work_has_a_new_digest(tmp_path: Path) -> None:
    changed = tmp_path / "spec.py"
    changed.write_text((model_families.FOLDER / "dnn" / "spec.py").read_text() + "\nCHANGED = True\n")
    files = [*model_families.spec_files("dnn")[:-1], changed]
    assert source_code.identity(files) == source_code.code_of(files)


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.parent.name)
def test_every_example_record_is_read_and_has_a_current_digest(path: Path) -> None:
    skipped: list[str] = []
    records = last_attempts(read(path, warn=skipped.append))
    assert records
    assert not skipped
    for name in {record.case.workload for record in records}:
        digests = {record.workload_digest for record in records if record.case.workload == name}
        same = digests == {load_workload(name).digest}
        assert same != ((path.parent.name, name) in OTHER_WORK), name


def test_there_are_example_runs_to_read() -> None:
    assert RUNS


def test_code_is_the_same_text_in_every_supported_python(tmp_path: Path) -> None:
    """Two machines with different versions of Python must compute the same digest."""
    found = sha256(source_code.code(written(tmp_path)).encode()).hexdigest()
    assert found == "1e28849856aa1b6211439dfbea9efff73b3451352e5dc53be6dd52cbdf9ba44b"


def test_several_threads_can_read_code_at_the_same_time() -> None:
    """Proofs start in several threads, and each thread computes the digest of its source files."""
    texts = [path.read_text() for path in (ROOT / "bench").rglob("*.py")]
    source_code._code.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(source_code._code, texts * 4))
    assert found == [source_code._code(text) for text in texts * 4]
