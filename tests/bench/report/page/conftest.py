"""Opens pages in a browser, and sees to it that no page asks for anything or complains."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.records.record import Record
from bench.report import tables
from bench.report.page import data, html

Open = Callable[..., Any]  # a page of Playwright


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The installed browser; as root it has no sandbox."""
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        path = os.environ.get("LEVELFIELD_CHROMIUM") or shutil.which("chromium")
        found = playwright.chromium.launch(executable_path=path, args=options)
        yield found
        found.close()


def page_file(folder: Path, records: Sequence[Record], *, name: str = "page.html", view: str = "") -> Path:
    """A page on these records."""
    return written(folder / name, data.page_data(tables.report(records, command="nox -s bench"), records), view=view)


def written(path: Path, content: dict[str, Any], *, view: str = "") -> Path:
    """A page with these data."""
    path.write_text(html.render(content, view=view))
    return path


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Open]:  # noqa: ANN401 (it is imported late)
    """Opens a file; at the end of the test, no page has asked for another file or written to the console."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def opened(path: Path, *, view: str = "", width: int = 1280, height: int = 800, dark: bool = False) -> Any:  # noqa: ANN401
        scheme = "dark" if dark else "light"
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        context.add_init_script("window.copied = []; document.execCommand = () => true;")
        context.add_init_script(
            "const writeText = async (text) => window.copied.push(text);"
            "Object.defineProperty(navigator, 'clipboard', {value: {writeText}});"
        )
        page = context.new_page()
        address = f"{path.as_uri()}#{view}" if view else path.as_uri()
        page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: _check(asked.url, path, complaints))
        page.goto(address)
        page.wait_for_function("window.vegaEmbed !== undefined")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def serious(page: Any) -> list[tuple[str, ...]]:  # noqa: ANN401
    """What axe finds that is serious or critical, and whether the page itself scrolls sideways."""
    from axe_playwright_python.sync_playwright import Axe

    found: list[tuple[str, ...]] = [
        (item["id"], node["html"], node["failureSummary"])
        for item in Axe().run(page).response["violations"]
        if item["impact"] in {"serious", "critical"}
        for node in item["nodes"][:2]
    ]
    sideways = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*found, ("the page scrolls sideways", f"{sideways} pixels")] if sideways > 0 else found


def _check(url: str, path: Path, complaints: list[str]) -> None:
    own = (path.as_uri(), "data:", "blob:")
    if not url.startswith(own):
        complaints.append(f"asked for {url}")
