"""What a library sets while it is imported is not of the shell: it is not recorded, and workers do not get it."""

import pytest

from bench.records.environment import inherited_variables
from bench.records.shell import remembered, shell
from bench.run.worker_client import process_environment

SET_BY_AN_IMPORT = "KMP_INIT_AT_FORK"


def test_a_variable_that_an_import_sets_is_not_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SET_BY_AN_IMPORT, raising=False)
    with remembered():
        monkeypatch.setenv(SET_BY_AN_IMPORT, "FALSE")
        assert SET_BY_AN_IMPORT not in inherited_variables()
        assert SET_BY_AN_IMPORT not in process_environment(None, device="cpu")
    assert SET_BY_AN_IMPORT in shell(), "outside of a command the process itself counts"


def test_a_variable_that_the_shell_has_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SET_BY_AN_IMPORT, "TRUE")
    with remembered():
        monkeypatch.setenv(SET_BY_AN_IMPORT, "FALSE")
        assert inherited_variables()[SET_BY_AN_IMPORT] == "TRUE"
        assert process_environment(None, device="cpu")[SET_BY_AN_IMPORT] == "TRUE"
