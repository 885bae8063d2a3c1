"""`levelfield verify`: prove that all frameworks do the same work, and measure nothing."""

import json
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from bench.cli.console import (
    FAILED,
    USAGE,
    EveryFramework,
    Names,
    OneDevice,
    OnePrecision,
    Workloads,
    errors,
    fail,
    named_once,
    note,
    one_of,
    say,
    show,
    write,
)
from bench.cli.devices import check_devices
from bench.cli.events import show_event
from bench.cli.options import as_option
from bench.plan.options import Help


def verify(  # noqa: PLR0913 (the options of the command)
    names: Names = None,
    *,
    workload: Workloads = None,
    framework: EveryFramework = None,
    device: OneDevice = "cpu",
    precision: OnePrecision = "fp32",
    form: Annotated[str, as_option("format", Help("table, or json for other programs.", "NAME"))] = "table",
) -> None:
    """Prove that all frameworks do the same work.

    Each framework is compared with a NumPy reference and with the other frameworks.
    In float64: outputs with initial and with random weights, and all weights after 100 optimizer steps.
    In --precision: outputs and the first losses.
    A proof that is in the cache is not made again. The exit code is 1 if a proof fails.
    """
    from bench.plan import option_values, request
    from bench.report import certificates, explanations, progress, terminal
    from bench.run.certificates import certify
    from bench.run.explanations import explain
    from bench.workload import frameworks, own_families

    one_of("--format", form, ("table", "json"))
    workload = named_once(names, workload)
    known = tuple(map(str, filter(frameworks.is_installed, frameworks.every_contender())))
    (contenders, problems), workloads, (where, *others), (used, *more) = option_values.each(
        lambda: frameworks.choose(known if framework is None else option_values.split("framework", framework)),
        lambda: option_values.load_workloads(workload or "all"),
        lambda: option_values.devices(device),
        lambda: option_values.precisions(precision),
    )
    if not contenders:
        fail("; ".join(problems) or "no framework is installed", USAGE)
    if others:
        fail(f"--device: found {device!r}, expected one device", USAGE)
    if more:
        fail(f"--precision: found {precision!r}, expected one precision", USAGE)
    for remark in request.check_variables((where,), contenders):
        note(remark)
    check_devices(contenders, (where,))
    display = progress.Display(errors, estimates={}, transient=True)
    with TemporaryDirectory(prefix="levelfield-") as folder, display:
        listen = partial(show_event, display)
        found = certify(workloads, contenders, device=where, precision=used, logs=Path(folder), listen=listen)
        explained = [
            line
            for item in workloads
            if form == "table" and own_families.is_folder(item.family)
            if (mine := {name: proof for (of, name), proof in found.items() if of == item.name})
            if not certificates.hold({("", name): proof for name, proof in mine.items()})
            for line in explain(item, mine, device=where, logs=Path(folder))
        ]
    if form == "json":
        write(json.dumps(certificates.as_json(found), indent=1) + "\n")
    else:
        show([terminal.render_table(certificates.table(found))])
        for line in explained:
            say(explanations.words(line))
    raise SystemExit(0 if certificates.hold(found) else FAILED)
