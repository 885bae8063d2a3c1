"""The lists show everything that there is to choose from, a line each."""

import pytest

from bench.cli.catalogue import LISTS, contenders, datasets, suites, workloads
from bench.datasets.description import dataset_names
from bench.report.layout import Table
from bench.workload import frameworks
from bench.workload.frameworks import every_contender
from bench.workload.suite import suite_names
from bench.workload.workload import load_workload
from bench.workload.workload_files import workload_names


def lines(table: Table) -> dict[str, list[str]]:
    """The cells of each line, by the first."""
    return {row[0].text: [entry.text for entry in row[1:]] for row in table.rows}


def test_every_workload_has_a_line_with_what_it_is() -> None:
    found = lines(workloads())
    assert tuple(found) == workload_names()
    assert found["mnist-cnn"] == ["cnn", "mnist", "128", "5", load_workload("mnist-cnn").title]


def test_every_suite_has_a_line_with_its_workloads() -> None:
    found = lines(suites())
    assert tuple(found) == suite_names()
    assert found["quick"][:3] == ["digits-dnn, digits-cnn, digits-lstm", "pytorch, keras, flax", "3"]


def test_every_framework_and_backend_has_a_line_with_its_versions() -> None:
    found = lines(contenders())
    assert tuple(found) == tuple(map(str, every_contender()))
    installed, versions = found["keras/jax"]
    assert installed == "yes"
    assert versions == ", ".join(
        f"{name} {number}" for name, number in frameworks.versions(every_contender()[2]).items()
    )


def test_what_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = frameworks._version
    monkeypatch.setattr(frameworks, "_version", lambda name: None if name == "tensorflow" else real(name))
    found = lines(contenders())
    assert found["keras/tensorflow"] == ["no", "`pip install 'levelfield[keras]'`"]
    assert found["keras/jax"][0] == "yes"


def test_every_data_set_has_a_line_with_its_shape_and_sizes() -> None:
    found = lines(datasets())
    assert tuple(found) == dataset_names()
    assert found["digits"][:4] == ["classification", "8×8", "1437", "360"]
    assert found["mnist"][:4] == ["classification", "28×28", "60000", "10000"]
    assert found["synthetic"] == ["any", "any", "any", "any", "generated"]


@pytest.mark.parametrize("name", sorted(LISTS))
def test_every_line_has_a_cell_for_every_heading(name: str) -> None:
    table = LISTS[name]()
    assert table.rows
    assert {len(row) for row in table.rows} == {len(table.columns)}
