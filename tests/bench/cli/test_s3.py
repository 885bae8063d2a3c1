"""Results on S3-compatible storage: every command reads them, and asks only for what it needs."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from bench.records import remote_files, remote_results, store
from bench.records.record_lines import to_line
from bench.records.sending import TakenError
from bench.run.worker_client import ROOT
from tests.bench.cli.s3_server import BUCKET, KEYS, Server, serving
from tests.bench.sample_records import record

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ADDRESS = f"s3://{BUCKET}/results"
RUNS, RECORDS = 200, 100
RUN = ("--framework", "pytorch", "--purpose", "timing", "--scenario", "training", "--processes", "2", "--threads", "1")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


def levelfield(server: Server, folder: Path, user: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The command of a user with a cache of their own."""
    environment = os.environ | server.environment | {"PYTHONPATH": str(ROOT), "LEVELFIELD_CACHE": str(folder / user)}
    command = [sys.executable, "-m", "bench", *words, "--results", ADDRESS]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def filled(server: Server) -> str:
    """Store many runs; the name of the newest one."""
    name = ""
    for number in range(RUNS):
        name = f"20260101T{number // 60:02d}{number % 60:02d}00Z-0000"
        is_newest = number == RUNS - 1
        for order in range(RECORDS):
            line = to_line(record(replicate=order, order=order, run=name, samples=3)) if is_newest else "{}"
            key = f"results/runs/{name}@i7-2c-1f3a/record-{order:06d}-1.jsonl"
            server.put(key, f"{line}\n")
    server.requests.clear()
    return name


def test_a_report_of_the_newest_of_many_runs_asks_for_this_run_alone(server: Server, tmp_path: Path) -> None:
    newest = filled(server)
    done = levelfield(server, tmp_path, "ada", "report", "--last")
    assert newest in done.stdout, done.stderr
    parts = [line for line in server.requests if re.search(r"GET /lab/results/runs/.*record-\d+-1\.jsonl", line)]
    assert len(parts) == RECORDS
    assert len(server.requests) - len(parts) <= 3, [line for line in server.requests if line not in parts]


def test_run_report_compare_and_baseline_share_an_address(server: Server, tmp_path: Path) -> None:
    for _ in range(2):
        done = levelfield(server, tmp_path, "ada", "run", "digits-dnn", *RUN, "--machine", "lab", "--reports", "pages")
        assert done.returncode == 0, done.stderr
    assert f"records: {ADDRESS}/runs/" in done.stdout
    written = [line for line in server.requests if line.startswith("PUT")]
    assert len(written) == len(set(written)) == 2 * (2 + 1), "two records and a plan, each written once"
    listed = levelfield(server, tmp_path, "bob", "list", "runs")
    first, second = sorted(re.findall(r"\d{8}T\d{6}Z-[0-9a-f]{4}", listed.stdout))[:2]
    assert ADDRESS in listed.stdout
    reported = levelfield(server, tmp_path, "bob", "report", first)
    assert first in reported.stdout, reported.stderr
    compared = levelfield(server, tmp_path, "bob", "compare", first, second)
    assert compared.returncode in {0, 3, 4}, compared.stderr
    held = levelfield(server, tmp_path, "bob", "baseline", "set", first, "--why", "the first", "--who", "bob")
    assert held.returncode == 0, held.stderr
    shown = levelfield(server, tmp_path, "ada", "baseline", "show")
    assert first in shown.stdout
    against = levelfield(server, tmp_path, "ada", "compare", "baseline", second)
    assert against.returncode in {0, 3, 4}, against.stderr


def test_an_address_that_cannot_be_reached_is_one_line(server: Server, tmp_path: Path) -> None:
    environment = os.environ | server.environment | {"PYTHONPATH": str(ROOT), "LEVELFIELD_CACHE": str(tmp_path)}
    command = [sys.executable, "-m", "bench", "report", "--results", "s3://no-such-bucket/results"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in {1, 6}
    assert "s3://no-such-bucket/results" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bucket_that_does_not_exist_is_no_empty_one(server: Server, tmp_path: Path) -> None:
    empty = levelfield(server, tmp_path, "ada", "list", "runs")
    assert (empty.returncode, f"{ADDRESS}: no runs yet" in empty.stderr) == (6, True)
    server.client().delete_bucket(Bucket=BUCKET)
    gone = levelfield(server, tmp_path, "ada", "list", "runs")
    assert gone.returncode == 1
    assert "bucket does not exist" in gone.stderr


def test_two_runners_of_one_name_cannot_replace_a_record(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": server.url})
    remote_files.opened.cache_clear()
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "ada"))
    first = store.new_run(remote_results.mirror(ADDRESS), machine="lab")
    first.append(record(run=first.name))
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "bob"))
    second = store.RunFolder(remote_results.mirror(ADDRESS) / "lab" / first.name / store.RECORDS)
    second.folder.mkdir(parents=True)
    second.append(record(run=first.name))
    with pytest.raises(TakenError, match="another process measures this run"):
        second.append(record(run=first.name, slowdown=2))
    found = server.client().get_object(Bucket=BUCKET, Key=f"results/{first.files.place}/record-000000-1.jsonl")
    assert found["Body"].read() == first.records.read_bytes()
    second.records.write_text(to_line(record(run=first.name)) + "\n")
    server.requests.clear()
    with second.measuring():
        pass
    assert [line.partition(" ")[0] for line in server.requests] == ["GET"], "the list says that nothing is missing"


def test_an_interrupted_run_whose_server_is_gone_ends_with_130(tmp_path: Path) -> None:
    with serving() as server:
        environment = os.environ | server.environment | {"PYTHONPATH": str(ROOT), "LEVELFIELD_CACHE": str(tmp_path)}
        command = [sys.executable, "-m", "bench", "run", "digits-dnn", *RUN, "--processes", "50"]
        heard = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
        process = subprocess.Popen(
            [*command, "--results", ADDRESS], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
        )
        signal.signal(signal.SIGINT, heard)
        while not any("record-" in line for line in server.requests):
            assert process.poll() is None
            time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 130, said
    assert f"the records so far are in {ADDRESS}/runs/" in said
    assert re.search(r"warning: .*cannot be written.*Nothing is lost: the records are in .* sends them", said)
    assert "Traceback" not in said
