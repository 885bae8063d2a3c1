"""`levelfield run --executor ray`: a run whose workloads are sent to the machines of a cluster."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

from bench.cli.console import FAILED, INTERRUPTED, USAGE, errors, fail, first_of, note, one_of, say
from bench.cli.run_plan import say_what_is_left_out
from bench.cli.stored_runs import check_writable, resuming
from bench.cli.tracking import track_run
from bench.plan.options import Options

if TYPE_CHECKING:
    from bench.plan.request import Request
    from bench.records.record import Case
    from bench.records.store import Plan, RunFolder
    from bench.run.ray_executor import RayExecutor
    from bench.run.sender import Part

KNOWN = ("local", "ray")
ADDRESS = "RAY_ADDRESS"


def start(options: Options, request: "Request", *, results: Path, reports: Path, mlflow: str | None) -> Never:
    """Send the workloads of a new run to machines, and write one report."""
    from bench.cli.workload_places import sources
    from bench.plan.cases import cases
    from bench.records.store import SEVERAL, Plan, new_run

    executor = connected()
    check_writable(results, reports)
    say_what_is_left_out(request)
    store = new_run(results, machine=SEVERAL)
    digests = {item.name: item.digest for item in request.selection.workloads}
    asked = {"options": asdict(options), "machine": SEVERAL, "workloads": digests, "sources": sources(store, options)}
    with store.measuring():
        store.save_plan(Plan(cases=cases(request.selection), options=asked))
        _send(store, options, executor, reports=reports, mlflow=mlflow)


def checked(options: Options, *, compares: bool) -> Options:
    """The options; refuse an unknown executor, and options whose results would stay on the other machines."""
    one_of("--executor", options.executor, KNOWN)
    if options.executor == "local":
        return options
    there = {
        "--against or --self-check": compares,
        "--machine": options.machine is not None,
        "--save-models": options.save_models,
        "--tensorboard": options.tensorboard,
    }
    wrong = [name for name, is_given in there.items() if is_given]
    if wrong:
        fail(
            f"{', '.join(wrong)}: found with --executor ray, expected without: each machine has a name of its own, "
            "keeps its files, and is compared with itself alone",
            USAGE,
        )
    return options


def resume(store: "RunFolder", options: Options, *, reports: Path, mlflow: str | None) -> Never:
    """Send what a run on several machines still lacks."""
    executor = connected()
    with store.measuring():
        _send(store, options, executor, reports=reports, mlflow=mlflow)


def connected() -> "RayExecutor":
    """The cluster, whose machines are all fit to share a run; fails with each difference."""
    from bench.run.ray_executor import AUTO, RayExecutor, differences

    address = os.environ.get(ADDRESS, AUTO)
    executor = RayExecutor(address)
    with errors.status("asking the machines of the cluster"):
        found = executor.preflight()
    wrong = differences(found)
    if wrong:
        executor.close()
        fail("--executor ray: these machines cannot share a run:\n  " + "\n  ".join(wrong), USAGE)
    note(f"cluster {address}: {', '.join(found)}")
    return executor


def _send(store: "RunFolder", options: Options, executor: "RayExecutor", *, reports: Path, mlflow: str | None) -> Never:
    from bench.cli.run_end import exit_code, reported
    from bench.records.record_lines import from_line
    from bench.records.store import LOGS, RECORDS, RunFolder
    from bench.report import case_lines
    from bench.run.sender import News, send

    plan = store.load_plan()
    folder = store.folder.parent.parent

    def on(machine: str) -> RunFolder:
        return RunFolder(folder / machine / store.name / RECORDS)

    def keep(news: News) -> None:
        if news.kind == "line":
            record = from_line(news.text)
            on(news.machine).append(record)
            note(f"{news.machine}: {case_lines.line(record)}")
        else:
            _add_to_log(on(news.machine).folder / LOGS / news.name, news.text)

    executor.job = lambda part, machine: _job(part, on(machine), plan, executor.found(machine))
    again = resuming(store, reports=reports, mlflow=mlflow)
    try:
        sent = send(_parts(store), executor, keep=keep, tell=note)
    except KeyboardInterrupt:
        fail(f"interrupted; continue with `{again}`", INTERRUPTED)
    finally:
        executor.close()
    records, written, is_whole = reported(store, options, reports=reports)
    say(f"\nrecords: {store.place}\nreport: {written}")
    missing = list(dict.fromkeys(case.workload for case in store.missing(warn=lambda _: None)))
    if missing:
        note(f"not measured completely: {', '.join(missing)}; `{again}` measures the rest")
    track_run(store, records, mlflow, reports=reports)
    raise SystemExit(first_of(FAILED if missing or not is_whole else 0, *sent.codes.values(), exit_code(records)))


def _add_to_log(path: Path, text: str) -> None:
    """Write what a part has left in a log; an earlier attempt may have written there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def _parts(store: "RunFolder") -> "Sequence[Part]":
    """The workloads with cases that have no record, each with the machine that has begun it."""
    from bench.run.sender import Part

    begun = {case.workload: run.folder.parent.name for run in store.parts() for case in run.load_plan().cases}
    left = dict.fromkeys(case.workload for case in store.missing(warn=note))
    return [Part(name, begun.get(name)) for name in left]


def _job(part: "Part", run: "RunFolder", plan: "Plan", machine: Mapping[str, Any]) -> Any:  # noqa: ANN401 (a Job)
    """The job of a part, after its cases are in the plan of the machine; the cases have the machine's threads."""
    from bench.records.record import to_json
    from bench.records.store import Plan
    from bench.run.part_on_machine import Job
    from bench.workload import places

    own = run.load_plan().cases if run.plan.is_file() else ()
    if all(case.workload != part.workload for case in own):
        asked = plan.options["options"]
        devices = max(places.read(case.device).devices for case in plan.cases)
        threads = max(1, machine["cores"] // devices) if asked["threads"] is None else asked["threads"]
        own = (*own, *(replace(case, threads=threads) for case in plan.cases if case.workload == part.workload))
        given = asked | {"executor": "local", "machine": machine["given"], "unreported": True}
        run.save_plan(Plan(cases=own, options={**plan.options, "options": given, "machine": run.folder.parent.name}))
    cases: list[Case] = [case for case in run.load_plan().cases if case.workload == part.workload]
    content = json.loads(run.plan.read_text("utf-8")) | {"cases": [to_json(case) for case in cases], "estimates_s": []}
    lines = tuple(run.records.read_text("utf-8").splitlines()) if run.records.is_file() else ()
    return Job(run=run.name, machine=run.folder.parent.name, plan=json.dumps(content), lines=lines)
