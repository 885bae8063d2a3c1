"""`levelfield predict`: a saved model, asked about data."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.console import FAILED, USAGE, Device, errors, fail, note, write
from bench.cli.devices import check_devices

if TYPE_CHECKING:
    from bench.workload.frameworks import Contender
    from bench.workload.saved_model import SavedModel

LIMIT_S = 600.0


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A folder that `run --save-models` made.")],
    data: Annotated[str, typer.Argument(metavar="DATA", help="train, validation, test, or a .csv or .npz file.")],
    *,
    framework: Annotated[
        str | None, typer.Option(metavar="NAME", help="By default the one that trained it, if it is installed.")
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table there.")] = None,
    device: Device = "cpu",
) -> None:
    """Ask a saved model about data, in any framework; the answers are CSV."""
    from bench.plan import option_values
    from bench.workload import saved_model

    about = saved_model.read(model)
    contender = _contender(framework, about)
    where, *others = option_values.devices(device)
    if others:
        fail(f"--device: found {device!r}, expected one device", USAGE)
    check_devices([contender], (where,))
    with TemporaryDirectory(prefix="levelfield-") as folder:
        logs, answers = Path(folder), Path(folder) / "answers.csv"
        result = _asked(contender, where, {"folder": str(model), "data": data, "output": str(answers)}, logs=logs)
        if result["outcome"] != "ok":
            fail(str(result["error"]), result.get("exit_code", FAILED))
        text = answers.read_text("utf-8")
    try:
        (write if output is None else output.write_text)(text)
    except OSError as error:
        fail(f"--output: {output}: cannot be written ({error.strerror})", USAGE)
    figures = ", ".join(f"{name} {value:.4f}" for name, value in result["quality"].items()) or "the truth is not known"
    note(f"{about.workload}, trained by {about.contender}, asked in {contender} from {result['source']}: {figures}")


def _contender(name: str | None, about: "SavedModel") -> "Contender":
    """The one that was asked for; or else the one that trained the model, or any that is installed."""
    from bench.workload import frameworks

    names = [name] if name else [about.contender, *map(str, frameworks.every_contender())]
    found = [frameworks.choose((candidate,)) for candidate in names]
    contender = next((chosen[0] for chosen, _ in found if chosen), None)
    if contender is None:
        fail(f"--framework: {'; '.join(problem for _, problems in found for problem in problems)}", USAGE)
    return contender


def _asked(contender: "Contender", device: str, question: dict[str, str], *, logs: Path) -> dict[str, Any]:
    """What a process of this contender says to the question."""
    from bench.records.environment import available_cores
    from bench.run.worker_pool import WorkerPool

    job = {
        "kind": "predict",
        "framework": contender.framework,
        "device": device,
        "threads": available_cores(),
        "log": str(logs / "predict.log"),
    } | question
    fleet = WorkerPool(logs)
    try:
        fleet.start([(contender, device)])
        with errors.status("asking"):
            return fleet.run(contender, device, job, limit_s=LIMIT_S).result
    finally:
        fleet.close()
