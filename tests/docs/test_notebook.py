"""The notebook on the pages runs from top to end, is stored without outputs, and is written in short sentences."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from tests.docs.pages import ROOT, sentences

NOTEBOOKS = tuple(sorted((ROOT / "docs").rglob("*.ipynb")))
LONGEST_SENTENCE = 32


def notebook(path: Path) -> NotebookNode:
    found: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    return found


def run(content: NotebookNode, folder: Path) -> NotebookNode:
    """The notebook with the outputs of its cells. Raises CellExecutionError for a cell that fails."""
    client = NotebookClient(content, timeout=120, resources={"metadata": {"path": str(folder)}})
    client.execute(env=os.environ | {"PYTHONPATH": str(ROOT)})
    return content


def outputs(content: NotebookNode, kind: str) -> list[str]:
    """The outputs of this kind, of all cells."""
    shown = [output for cell in content.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.data[kind] for output in shown if kind in output.get("data", {})]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_of_a_notebook_runs_and_shows_something(path: Path) -> None:
    done = run(notebook(path), path.parent)
    code = [cell for cell in done.cells if cell.cell_type == "code"]
    assert len(code) > 5
    assert [cell.source for cell in code if not cell.outputs] == []
    assert "digits-cnn" in outputs(done, "text/plain")[1]
    assert any("<svg" in picture for picture in outputs(done, "image/svg+xml"))
    assert any("20261126T125629Z-fd78" in table for table in outputs(done, "text/html"))
    assert "inconclusive" in "".join(outputs(done, "text/plain"))


def test_a_cell_that_fails_is_found(tmp_path: Path) -> None:
    content = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    content.cells = [nbformat.v4.new_code_cell("import bench\nbench.load('no-such-folder')")]  # type: ignore[no-untyped-call]
    with pytest.raises(CellExecutionError, match="no-such-folder: found no such file or folder"):
        run(content, tmp_path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path: Path) -> None:
    code = [cell for cell in notebook(path).cells if cell.cell_type == "code"]
    assert [cell.source for cell in code if cell.outputs or cell.execution_count] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_sentence_of_a_notebook_is_long(path: Path) -> None:
    words = "\n\n".join(cell.source for cell in notebook(path).cells if cell.cell_type == "markdown")
    assert len(sentences(words)) > 5
    assert [sentence for sentence in sentences(words) if len(sentence.split()) > LONGEST_SENTENCE] == []
