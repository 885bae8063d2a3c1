"""The page of exit codes."""

from collections.abc import Mapping

from bench.errors import PRECEDENCE, ExitCode
from reference_pages import keys, markdown
from reference_pages.markdown import code, heading, table, text

INTRODUCTION = "Every command ends with one of these exit codes."

# What a CI job should do with each code.
ADVICE: Mapping[ExitCode, str] = {
    ExitCode.DONE: "Pass.",
    ExitCode.FAILED: "Fail. The output and the records name each failed case and its error.",
    ExitCode.USAGE: "Fail. Correct the command, the file or the data that the message names.",
    ExitCode.REGRESSED: "Fail. The output names each regression or broken budget.",
    ExitCode.INCONCLUSIVE: "Pass with a warning, or run again on a quieter machine. The noise hides any change.",
    ExitCode.NOT_COMPARABLE: "Fail. Measure a new baseline on this machine and with this workload.",
    ExitCode.NOTHING_MEASURED: "Fail. Check the names of runs, workloads and frameworks: the job compared nothing.",
    ExitCode.INTERRUPTED: "Fail, or continue with `levelfield run --resume`.",
}


def page() -> str:
    """The page: each code with its meaning and what a CI job should do."""
    meanings = keys.descriptions(ExitCode)
    rows = [(code(str(item.value)), text(meanings[item.name]), text(ADVICE[item])) for item in ExitCode]
    order = ", ".join(code(str(item.value)) for item in PRECEDENCE)
    return markdown.page(
        heading(1, "Exit codes"),
        INTRODUCTION,
        table(("Code", "Meaning", "What a CI job should do"), rows),
        f"If several codes apply, the command ends with the first of {order}.",
    )
