"""`levelfield predict`: the predictions of a saved model, as CSV."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.console import FAILED, USAGE, Results, errors, fail, note, write
from bench.cli.devices import check_devices
from bench.cli.model_argument import model_folder
from bench.cli.options import as_option
from bench.cli.prediction_log import Log, LogFile, LogInputs, LogSize, failures_logged, wanted
from bench.plan.options import DEVICE, Help

if TYPE_CHECKING:
    from bench.workload.frameworks import Contender
    from bench.workload.saved_model import SavedModel

LIMIT_S = 600.0


def predict(  # noqa: PLR0913 (the options of the command)
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A saved model: its folder, the name of this folder, a digest or a tag."),
    ],
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="train, validation or test (of the workload's data), or a file like the one of the training.",
        ),
    ],
    *,
    framework: Annotated[
        str | None,
        as_option("framework", Help("The framework that predicts.", "NAME", shown="the one that trained it")),
    ] = None,
    output: Annotated[
        Path | None, as_option("output", Help("Write the CSV into this file.", "FILE", shown="print it"))
    ] = None,
    device: Annotated[str, as_option("device", DEVICE._replace(metavar="NAME", group=None))] = "cpu",
    batch_size: Annotated[
        int | None, as_option("batch_size", Help("How many samples are predicted in one call.", "N", shown="500"))
    ] = None,
    log: LogFile = None,
    log_inputs: LogInputs = False,
    log_size: LogSize = None,
    results: Results = Path("results"),
) -> None:
    """Predict with a saved model, in any framework; prints CSV.

    If the data have labels, the quality of the predictions is printed too. With --log each prediction is also a line
    of JSON with its latency, for programs that collect logs.
    """
    from bench.workload import saved_model

    if batch_size is not None and batch_size < 1:
        fail(f"--batch-size: found {batch_size}, expected a whole number of at least 1", USAGE)
    model = model_folder(model, results=results)
    logged = wanted(log, model, inputs=log_inputs, size=log_size, device=device)
    with failures_logged(logged):
        about = saved_model.read(model)
        contender = chosen_contender(framework, about)
    question = {"kind": "predict", "folder": str(model), "data": data, "batch_size": batch_size}
    result, text = _answered(contender, device, question, logged)
    try:
        (write if output is None else output.write_text)(text)
    except OSError as error:
        fail(f"--output: {output}: cannot be written ({error.strerror})", USAGE)
    for remark in result["remarks"]:
        note(f"note: {remark}")
    who = f"{about.workload}, trained by {about.contender}, predicted by {contender}"
    note(f"{who} from {result['source']}: {_scored(result)}")


def _answered(
    contender: "Contender", device: str, question: dict[str, Any], log: Log | None
) -> tuple[dict[str, Any], str]:
    """What the worker says of its predictions, and these as CSV."""
    with TemporaryDirectory(prefix="levelfield-") as folder:
        logs, answers = Path(folder), Path(folder) / "answers.csv"
        predictions = None if log is None else log.job(str(contender))
        question |= {"output": str(answers), "predictions": predictions}
        with failures_logged(log, str(contender)):
            result = asked_of_worker(contender, device, question, logs=logs)
        text = answers.read_text("utf-8") if result["outcome"] == "ok" else ""
    if result["outcome"] != "ok":
        if log is not None and "exit_code" not in result:  # the worker died, and has logged nothing of it
            log.failed(str(result["error"]), str(contender))
        fail(str(result["error"]), result.get("exit_code", FAILED))
    return result, text


def _scored(result: Mapping[str, Any]) -> str:
    """The quality of the predictions, and for how many samples."""
    from bench.report import formatting

    labelled, samples = result["labelled"], result["samples"]
    if not labelled:
        return "the file has no labels"
    figures = ", ".join(f"{name} {formatting.score(value)}" for name, value in result["quality"].items())
    where = f"{labelled} samples" if labelled == samples else f"the {labelled} of {samples} samples that have a label"
    return f"{figures} on {where}"


def chosen_contender(name: str | None, about: "SavedModel") -> "Contender":
    """The framework of this name; without a name the one that trained the model, or else any that is installed."""
    from bench.workload import frameworks

    names = [name] if name else [about.contender, *map(str, frameworks.every_contender())]
    found = [frameworks.choose((candidate,)) for candidate in names]
    contender = next((chosen[0] for chosen, _ in found if chosen), None)
    if contender is None:
        fail(f"--framework: {'; '.join(problem for _, problems in found for problem in problems)}", USAGE)
    return contender


def asked_of_worker(contender: "Contender", device: str, question: dict[str, Any], *, logs: Path) -> dict[str, Any]:
    """The answer of a worker process of this framework, on one device."""
    from bench.plan import option_values
    from bench.records.environment import available_cores
    from bench.run.worker_pool import WorkerPool

    where, *others = option_values.single_devices(device, why="a prediction is made on one device")
    if others:
        fail(f"--device: found {device!r}, expected one device", USAGE)
    check_devices([contender], (where,))
    job = {
        "framework": contender.framework,
        "device": where,
        "threads": available_cores(),
        "log": str(logs / "predict.log"),
    } | question
    fleet = WorkerPool(logs)
    try:
        fleet.start([(contender, where)])
        with errors.status("predicting"):
            return fleet.run(contender, where, job, limit_s=LIMIT_S).result
    finally:
        fleet.close()
