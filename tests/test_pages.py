"""The pages of the documentation: all can be reached, their links lead somewhere, their code is
Python that names what there is, and their formulas can be drawn. `make docs` builds them.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from pathlib import Path

import pytest
from docutils.utils.math.latex2mathml import tex2mathml
from pyro.infer.inspect import get_model_relations

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
ROOMS = (
    *("estimators", "models", "guides", "networks", "inference", "distributions", "data"),
    *("evaluation", "criticism", "testing"),
)


def read(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def named(page: str) -> set[str]:
    """What the toctrees of a page name, from the folder of the pages."""
    found = set()
    for tree in re.findall(r"```\{toctree\}\n(.*?)```", read(page), re.DOTALL):
        lines = [line for line in tree.splitlines() if line and not line.startswith(":")]
        found |= {str(Path(page).parent / line) for line in lines}
    return found


def test_every_page_stands_in_a_table_of_contents() -> None:
    named_pages = named("index.md") | named("api/index.md")
    pages = {page.removesuffix(".md") for page in PAGES} - {"index"}
    assert named_pages == pages | {"tutorials/*"}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert ((DOCS / page).parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_code_is_python_and_imports_what_there_is(page: str) -> None:
    for block in re.findall(r"```python\n(.*?)```", read(page), re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pyromix"):
                module = importlib.import_module(str(node.module))
                assert not [each.name for each in node.names if not hasattr(module, each.name)]


@pytest.mark.parametrize("page", PAGES)
def test_formulas_can_be_drawn(page: str) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", read(page), flags=re.DOTALL)
    blocks = re.findall(r"\$\$(.+?)\$\$", text, re.DOTALL)
    inline = re.findall(r"\$([^$]+)\$", re.sub(r"\$\$.+?\$\$", "", text, flags=re.DOTALL))
    for tex in (*blocks, *inline):
        assert "<math" in tex2mathml(tex.replace(r"\dots", r"\ldots"), as_block=True)


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_room_has_a_page(room: str) -> None:
    assert f".. automodule:: pyromix.{room}\n" in read(f"api/{room}.md")


@pytest.mark.slow
def test_the_code_of_extend_runs() -> None:
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", read("extend.md"), re.DOTALL):
        exec(compile(block, "extend.md", "exec"), names)
    assert {"LaplaceMixture", "SteadyHead", "Geometric", "Balance"} <= names.keys()


@pytest.mark.parametrize("page", ["vade", "gmvae", "mfcvae", "gammm-vae", "dhvc"])
def test_the_graph_of_a_page_is_that_of_the_story(page: str) -> None:
    drawn = (DOCS / "_static" / "graphs" / f"{page}.svg").read_text(encoding="utf-8")
    arrows = {tuple(each.split("&#45;&gt;")) for each in re.findall(r"<title>(.*?)</title>", drawn)}
    spec = importlib.util.spec_from_file_location("graphs", DOCS / "graphs.py")
    assert spec is not None
    assert spec.loader is not None
    graphs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(graphs)
    story, x = graphs.story_of(page)
    found = get_model_relations(story, model_args=(x,))["sample_sample"]
    assert {each for each in arrows if len(each) == 2} == {
        (parent, site) for site, parents in found.items() for parent in parents if parent != site
    }
    assert f"_static/graphs/{page}.svg" in read(f"models/{page}.md")
