"""How the pages are built: `make docs`, offline, with warnings as errors."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

DOCS = Path(__file__).parent
ROOT = DOCS.parent

project = "pyromix"
author = "the pyromix authors"
project_copyright = author
release = re.findall(r'^__version__ = "(.+)"$', (ROOT / "__init__.py").read_text("utf-8"), re.M)[0]

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["**/.ipynb_checkpoints"]

html_theme = "furo"
html_title = f"pyromix {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False

# Notebooks are shown as they were committed, with their outputs.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, str] = {}  # would be fetched when a page is read
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # results begin at the third level
copybutton_exclude = ".linenos, .gp, .go"

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # shapes and units, which a type has none of, are in the words
maximum_signature_line_length = 70
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True

# Nothing is asked of other projects' sites, so only names of our own can be looked up.
nitpick_ignore_regex = [("py:.*", r"(?!pyromix\.).*")]

OUTSIDE = {
    "](../CONTRIBUTING.md": "](contributing.md",
    "](../CHANGELOG.md": "](changelog.md",
    "](../tutorials/": "](tutorials/",
}


def bring_tutorials() -> None:
    """Let the tutorials stand among the pages, as copies that git ignores.

    Links from page to page are resolved to real places, so a symbolic link would not do.
    """
    shutil.rmtree(DOCS / "tutorials", ignore_errors=True)
    (DOCS / "tutorials").mkdir()
    for notebook in (ROOT / "tutorials").glob("*.ipynb"):
        text = notebook.read_text("utf-8").replace("](../docs/", "](../")
        (DOCS / "tutorials" / notebook.name).write_text(text, "utf-8")


def within(app: Any, name: str, source: list[str]) -> None:
    """Links to files beside this folder, and out of included ones, lead to their pages."""
    text = source[0]
    for path, page in OUTSIDE.items():
        text = text.replace(path, page)
    source[0] = text


def included(app: Any, path: Path, parent: str, source: list[str]) -> None:
    """A file of the root that a page includes names the pages from there."""
    source[0] = source[0].replace("](docs/", "](").replace("](CHANGELOG.md", "](changelog.md")


def skipped(app: Any, what: str, name: str, member: Any, *_: Any) -> bool | None:
    """Leave out what scikit-learn gives to every estimator, which names pages of its own.

    Fields of a named tuple are told by its docstring.
    """
    given = re.fullmatch(r"set_\w+_request", name.rpartition(".")[2])
    return True if given or type(member).__name__ == "_tuplegetter" else None


def mathml(self: Any, node: Any) -> None:
    """A formula as MathML, which browsers draw by themselves."""
    block = node.tagname == "math_block"
    drawn = tex2mathml(node.astext().replace(r"\dots", r"\ldots"), as_block=block)
    self.body.append(f'<div class="math">{drawn}</div>\n' if block else drawn)
    raise SkipNode


def setup(app: Any) -> None:
    """Called by Sphinx."""
    bring_tutorials()
    app.add_html_math_renderer("mathml", (mathml, None), (mathml, None))
    app.connect("autodoc-skip-member", skipped)
    app.connect("source-read", within)
    app.connect("include-read", included)
