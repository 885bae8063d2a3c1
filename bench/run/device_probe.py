"""Asks all frameworks in parallel which devices they see, with one process for each library below them."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from bench.run.worker_client import EVERY_GPU, process_environment
from bench.workload.frameworks import Contender

LIMIT_S = 180.0  # the first import after an installation reads gigabytes from the disk
LONGEST_ERROR = 300

Answer = dict[str, Any]
Waiting = Callable[[Sequence[Contender]], None]


def probe(contenders: Iterable[Contender], *, waiting: Waiting) -> dict[Contender, Answer]:
    """The devices that each framework sees with every GPU visible, or an outcome and an error.

    `waiting` is called with the frameworks that have not answered yet. If a process dies, only the framework that it
    was importing has failed. The frameworks after it are asked again, in a new process.
    """
    asked = tuple(contenders)
    found: dict[Contender, Answer] = {}
    while left := [item for item in asked if item not in found]:
        waiting(left)
        groups = _by_library(left)
        with ThreadPoolExecutor(max_workers=len(groups)) as pool:
            for answers in as_completed([pool.submit(_answers, group) for group in groups]):
                found |= answers.result()
                waiting([item for item in asked if item not in found])
    return {item: found[item] for item in asked}


def _by_library(contenders: Iterable[Contender]) -> list[list[Contender]]:
    """The frameworks by the library that they import. One process imports it once, which saves seconds."""
    groups: dict[str, list[Contender]] = {}
    for item in contenders:
        groups.setdefault(item.library, []).append(item)
    return list(groups.values())


def _answers(group: Sequence[Contender]) -> dict[Contender, Answer]:
    """The answers of one process, for at least one framework; the frameworks share a library."""
    backend = next((item.backend for item in group if item.backend), None)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "bench.worker.device_probe", *(item.framework for item in group)],
            env=process_environment(backend, device=EVERY_GPU),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
        lines, end = done.stdout.splitlines(), _end(done.returncode, done.stderr)
    except subprocess.TimeoutExpired as late:
        lines, end = (late.stdout or b"").splitlines(), f"no answer within {LIMIT_S:g} s"
    texts = [line for line in lines if line.startswith(b'{"framework"')]  # start-up files of the user may print too
    answers: dict[Contender, Answer] = {item: json.loads(text) for item, text in zip(group, texts, strict=False)}
    if len(answers) < len(group):
        answers[group[len(answers)]] = {"outcome": "failed", "error": end}
    return answers


def _end(status: int, log: bytes) -> str:
    said = [line.strip() for line in log.decode("utf-8", "replace").splitlines() if line.strip()]
    return f"the process ended with status {status}: {said[-1][:LONGEST_ERROR] if said else 'it wrote nothing'}"
