"""The reference pages that are made from the code: each is a function that returns one page of MyST Markdown."""

from collections.abc import Callable, Mapping
from pathlib import Path

from reference_pages import commands, environment_variables, exit_codes, metrics, python_api, records, workload_toml

# The names of the pages in docs/reference/, without `.md`. They are in git, so that they can be read there.
PAGES: Mapping[str, Callable[[], str]] = {
    "commands": commands.page,
    "workload-toml": workload_toml.page,
    "python": python_api.page,
    "records": records.page,
    "metrics": metrics.page,
    "exit-codes": exit_codes.page,
    "environment-variables": environment_variables.page,
}


def write(folder: Path) -> None:
    """Write every page into the folder. A page whose text is the same as before is left alone."""
    for name, page in PAGES.items():
        path, text = folder / f"{name}.md", page()
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
