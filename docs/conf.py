"""How Sphinx builds the documentation. `nox -s docs` builds it and fails at the first warning."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]  # for `bench` and `models`, and for `reference_pages`

import reference_pages  # noqa: E402 (found by the line above)
from bench.version import __version__  # noqa: E402

project = "Levelfield"
project_copyright = "the authors of Levelfield"
release = __version__

extensions = ["myst_parser", "sphinx_copybutton", "sphinx_design"]
exclude_patterns = ["reference_pages"]
nitpicky = True
smartquotes = False  # `--` in a text is the beginning of an option

myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 4

copybutton_exclude = ".linenos, .gp, .go"  # of a console session, the commands alone are copied

html_theme = "furo"
html_title = "Levelfield"
html_copy_source = False
html_show_sourcelink = False


def setup(app: Sphinx) -> None:
    """Write the reference pages from the code before Sphinx looks for pages."""
    app.connect("builder-inited", lambda _app: reference_pages.write(HERE / "reference"))
