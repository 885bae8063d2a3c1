"""Puts a page together: one HTML file without any request, with its data, its programs, and the chart library."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from bench import cache as user_cache
from bench.report.figures import Row
from bench.report.page.packing import packed

MARK = re.compile("@[A-Z]+@")
HERE = Path(__file__).parent
# In the order in which a page needs them.
REPORT = (
    "numbers.js",
    "ranking.js",
    "state.js",
    "answers.js",
    "elements.js",
    "frame.js",
    "tables.js",
    "drawing.js",
    "charts.js",
    "load.js",
    "details.js",
    "chooser.js",
    "compare.js",
    "page.js",
)
SHEET = ("numbers.js", "elements.js", "frame.js", "tables.js", "drawing.js", "sheet.js")


def render(
    data: Row, *, view: str = "", pictures: Mapping[str, Path] | None = None, programs: Sequence[str] = REPORT
) -> str:
    """The page. `view` is the state in which it opens, as it stands behind the `#` of its address.

    `pictures` are PNG files by their captions, `programs` are those of a report or of a sheet. Everything that a user
    wrote is in the data, from which the programs put it on the page as text.
    """
    shown = [{"caption": caption, "png": _encoded(path)} for caption, path in (pictures or {}).items()]
    small = {name: packed(data[name]) for name in data.get("packed", ())}
    parts = {
        "@STYLE@": _read("page.css"),
        "@DATA@": embedded({**data, **small, "view": view, "pictures": shown}),
        "@LIBRARY@": library(),
        "@PROGRAM@": "\n".join(map(_read, programs)),
    }
    # All marks at once: what is put in may have the text of a mark.
    return MARK.sub(lambda mark: parts[mark[0]], _read("page.html"))


def embedded(data: object) -> str:
    """Data as JSON that cannot end the element in which it stands; NaN, which JSON does not have, is null."""
    try:
        text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(data), separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("&", "\\u0026")


def library() -> str:
    """The chart library as a script, made once for each version and kept in the user's cache."""
    path = user_cache.folder() / "pages" / f"vega-{version('vl-convert-python')}.js"
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        script = _made()
    with suppress(OSError):  # without a cache it is made each time
        user_cache.store(path, lambda draft: draft.write_text(script, encoding="utf-8"))
    return script


def _made() -> str:
    import vl_convert

    script: str = vl_convert.javascript_bundle()  # type: ignore[call-arg] # its stub asks for an optional argument
    return script.replace("</script", "<\\/script")


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


@cache
def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _encoded(path: Path) -> str:
    return b64encode(path.read_bytes()).decode()
