"""A job that answers requests: it times what is asked for, ends when it is told to, and leaves its launcher free."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.process import Launcher, LauncherError
from tests.bench.workloads import workload

LIMIT_S = 60.0


@pytest.fixture(scope="module")
def pytorch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """One launcher for all tests: each must leave it fit for the next."""
    launcher = Launcher("pytorch", None, device="cpu", log=tmp_path_factory.mktemp("logs") / "launcher.log")
    yield launcher
    launcher.close()


def asked(folder: Path, **changes: object) -> dict[str, Any]:
    """A job that serves training steps of a tiny network."""
    tiny = workload()
    what = {"kind": "serve", "scenario": "training", "batch_size": 4, "log": str(folder / "job.log")}
    common = {"framework": "pytorch", "device": "cpu", "threads": 1, "workload": tiny.content, "source": tiny.source}
    return what | common | changes


def test_each_call_has_its_time_and_pipelined_ones_have_one_together(pytorch: Launcher, tmp_path: Path) -> None:
    service = pytorch.serve(asked(tmp_path), limit_s=LIMIT_S)
    assert len(service.time(5)) == 5
    (together,) = service.time(200, pipelined=True)
    assert together > service.time(1)[0] > 0
    assert 0 < service.startup_s < LIMIT_S
    assert "torch" in service.news["versions"]
    pytorch.finish()


def test_a_finished_service_leaves_its_launcher_to_the_next(pytorch: Launcher, tmp_path: Path) -> None:
    for _ in range(2):
        service = pytorch.serve(asked(tmp_path), limit_s=LIMIT_S)
        assert pytorch._child is not None
        assert len(service.time(2)) == 2
        pytorch.finish()
        assert pytorch._child is None


def test_a_service_that_cannot_begin_says_why_and_leaves_its_launcher_to_the_next(
    pytorch: Launcher, tmp_path: Path
) -> None:
    with pytest.raises(LauncherError, match="pytorch: the job did not begin: KeyError: 'batch_size'"):
        pytorch.serve({name: value for name, value in asked(tmp_path).items() if name != "batch_size"}, limit_s=LIMIT_S)
    assert len(pytorch.serve(asked(tmp_path), limit_s=LIMIT_S).time(1)) == 1
    pytorch.finish()


def test_a_service_that_has_failed_gives_no_answer_but_its_reason(pytorch: Launcher, tmp_path: Path) -> None:
    service = pytorch.serve(asked(tmp_path), limit_s=LIMIT_S)
    with pytest.raises(LauncherError, match="pytorch: no answer to a request: TypeError"):
        service.time("many")  # type: ignore[arg-type]
    pytorch.finish()
