"""How a run ends: its report, and its exit code."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.console import FAILED, NOTHING, fail, warn
from bench.cli.page import make_page, show_page, without_folders
from bench.cli.page_files import Written, write_pages
from bench.cli.stored_runs import at, known_noise
from bench.plan.options import Options

if TYPE_CHECKING:
    from bench.records.record import Record
    from bench.records.store import RunFolder


def reported(store: "RunFolder", options: Options, *, reports: Path) -> "tuple[list[Record], Written, bool]":
    """Print and write the report of a run: its records, the pages, and whether nothing is missing on them."""
    skipped: list[str] = []
    records = store.read(warn=skipped.append)
    for line in skipped:
        warn(line)
    if not records:
        fail(f"{store.records}: nothing was measured", NOTHING)
    noise = known_noise(records, results=store.results)
    made = make_page(records, command=options.command(), noise=noise, remarks=map(without_folders, skipped))
    show_page(made.report, again=at(results=store.results) if store.results else (str(store.folder),))
    written = write_pages(made, reports=reports)
    return records, written, written.is_whole and not skipped


def exit_code(records: Sequence["Record"]) -> int:
    """How a run with these records ends: 6 if nothing could run, 1 if a case failed or a proof did, else 0.

    No proof is expected of a network with a single implementation, nor where several devices do other work than one.
    """
    if all(record.outcome == "unavailable" for record in records):
        return NOTHING
    failed = any(record.outcome not in {"ok", "unavailable"} for record in records)
    ran = [record for record in records if record.outcome != "unavailable"]
    proofs = [record.certificate for record in ran]
    unproven = any(proof is None or not (proof.passed or proof.alone) for proof in proofs)
    return FAILED if failed or unproven else 0
