"""`levelfield predict`: a saved model, asked about data."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from bench.cli.console import FAILED, USAGE, Device, errors, fail, note, write

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
    from bench import frameworks, request, saved_model
    from bench.environment import available_cores
    from bench.fleet import Fleet

    about = saved_model.read(model)
    if framework is None:
        names = [about.contender, *map(str, frameworks.every_contender())]
        framework = next((name for name in names if frameworks.choose((name,))[0]), about.contender)
    chosen, problems = frameworks.choose((framework,))
    if not chosen:
        fail(f"--framework: {'; '.join(problems)}", USAGE)
    where, *others = request.devices(device)
    if others:
        fail(f"--device: found {device!r}, expected one device", USAGE)
    with TemporaryDirectory(prefix="levelfield-") as folder:
        logs, answers = Path(folder), Path(folder) / "answers.csv"
        request.check_devices(chosen, (where,), logs=logs)
        job = {
            "kind": "predict",
            "framework": chosen[0].framework,
            "device": where,
            "threads": available_cores(),
            "log": str(logs / "predict.log"),
            "folder": str(model),
            "data": data,
            "output": str(answers),
        }
        fleet = Fleet(logs)
        try:
            fleet.start([(chosen[0], where)])
            with errors.status("asking"):
                result = fleet.run(chosen[0], where, job, limit_s=LIMIT_S).result
        finally:
            fleet.close()
        if result["outcome"] != "ok":
            fail(str(result["error"]), result.get("exit_code", FAILED))
        text = answers.read_text("utf-8")
    try:
        (write if output is None else output.write_text)(text)
    except OSError as error:
        fail(f"--output: {output}: cannot be written ({error.strerror})", USAGE)
    figures = ", ".join(f"{name} {value:.4f}" for name, value in result["quality"].items()) or "the truth is not known"
    note(f"{about.workload}, trained by {about.contender}, asked in {chosen[0]} from {result['source']}: {figures}")
