"""The built documentation is complete, current, linked, and loads nothing from another host."""

import ast
import importlib.util
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

from app.api.http.problems import PROBLEM_KINDS
from app.api.openapi.documentation import REFERENCE_PAGE, SITE
from app.scoring import work_losses
from app.scoring.components.registry import COMPONENT_FIGURES
from app.settings import Settings
from tests.support.source_files import ROOT

BASE = "http://sightline.test/docs/"
# Paths of the service that pages may link to, beside the site itself.
SERVICE_PATHS = {"/openapi.json", "/docs/api"}
# Attributes whose address a browser requests by itself. A link that a reader clicks is none.
REQUESTED = {"src", "srcset", "data", "poster", "action", "formaction", "background", "xlink:href"}
HOST = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)


class Page(HTMLParser):
    """The anchors, links and requested addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.requests: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value or "")
            elif name in REQUESTED or (name == "href" and tag in {"link", "image", "use"}):
                self.requests.append(value or "")
            if name in {"href", "src"}:
                self.links.append(value or "")


@cache
def load_page(name: str) -> Page:
    return Page((SITE / name).read_text(encoding="utf-8"))


def list_pages() -> list[str]:
    pages = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
    assert pages, "the documentation is not built: make docs"
    return pages


def load_script(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(
        f"docs_{name}", ROOT / "docs" / f"{name}.py"
    )
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def find_foreign_addresses(name: str, text: str) -> list[str]:
    """Return the addresses on another host that a browser requests for a file of the site."""
    if name.endswith((".html", ".svg")):
        addresses = Page(text).requests
    elif name.endswith(".js"):
        addresses = re.findall(
            r"^import .*?[\"']([^\"']+)[\"']|sourceMappingURL=(\S+)", text, re.MULTILINE
        )
        addresses = [address for pair in addresses for address in pair]
    else:
        addresses = []
    if name.endswith((".css", ".html", ".svg")):
        addresses += re.findall(r"url\(\s*[\"']?([^\"')]+)", text)
        addresses += re.findall(r"@import\s+[\"']([^\"']+)", text)
    return [address for address in addresses if HOST.match(address)]


def find_broken_links(name: str, page: Page) -> list[str]:
    """Return the links of a page to files or anchors that do not exist."""
    here = urljoin(BASE, "api" if name == REFERENCE_PAGE else name)
    broken = []
    for link in page.links:
        address, fragment = urldefrag(urljoin(here, link))
        path = urlsplit(address).path
        if not address.startswith(("http://sightline.test/", BASE)) or path in SERVICE_PATHS:
            continue
        target = unquote(path.removeprefix("/docs/"))
        target = f"{target}index.html" if not target or target.endswith("/") else target
        is_page = (SITE / target).is_file()
        anchored = (
            not fragment or unquote(fragment) in load_page(target).anchors if is_page else False
        )
        if not path.startswith("/docs/") or not is_page or not anchored:
            broken.append(link)
    return broken


def list_component_modules() -> list[Path]:
    """Return the modules of the components, and the one that their losses share."""
    paths = {Path(figure.__code__.co_filename) for figure in COMPONENT_FIGURES.values()}
    return [*sorted(paths), Path(work_losses.__file__)]


def find_reasons() -> set[str]:
    """Return the texts in the modules of components that stand where a loss reason can."""
    reasons: set[str] = set()
    for path in list_component_modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        returns = [
            node
            for function in functions
            if function.name != "work_label"  # a word of a sentence
            for node in ast.walk(function)
            if isinstance(node, ast.Return)
        ]
        for node in [*returns, *ast.walk(tree)]:
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Loss":
                reasons |= find_texts(node.args[1])
            elif isinstance(node, ast.Dict) and all(
                isinstance(value, ast.Constant) for value in node.values
            ):
                reasons |= {text for key in node.keys for text in find_texts(key)}
            elif node in returns or (
                isinstance(node, ast.Assign) and isinstance(node.value, ast.IfExp)
            ):
                reasons |= find_texts(node.value)
    return {reason for reason in reasons if re.fullmatch(r"[a-z]+(_[a-z]+)*", reason)}


def find_texts(node: ast.AST | None) -> set[str]:
    """Return the texts that an expression can be: a constant, or the branches of a condition."""
    if isinstance(node, ast.IfExp):
        return find_texts(node.body) | find_texts(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def list_navigation() -> list[str]:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    return re.findall(r"^ +- [^:]+: (\S+\.md)$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("problems.html", set(PROBLEM_KINDS)),
        ("losses.html", set(COMPONENT_FIGURES)),
        ("settings.html", set(Settings.model_fields)),
    ],
)
def test_every_problem_code_component_and_setting_has_an_anchor(page, names):
    assert names
    assert names - load_page(page).anchors == set()


def test_every_loss_reason_is_explained_and_has_an_anchor():
    reasons = find_reasons()
    assert len(reasons) > 20
    assert set(load_script("generate").load_explanations()["losses"]) == reasons
    assert reasons - load_page("losses.html").anchors == set()


def test_the_reference_pages_are_those_of_the_code():
    pages = load_script("generate").generate_pages()
    stale = [path.name for path, text in pages.items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run make docs and commit the pages"


def test_no_page_loads_anything_from_another_host():
    names = [path for path in SITE.rglob("*") if path.suffix in {".html", ".css", ".js", ".svg"}]
    foreign_addresses = {
        path.relative_to(SITE).as_posix(): foreign
        for path in names
        if (foreign := find_foreign_addresses(path.name, path.read_text(encoding="utf-8")))
    }
    assert foreign_addresses == {}
    assert find_foreign_addresses("x.html", '<script src="https://a.b/c.js"></script>')
    assert find_foreign_addresses("x.html", '<link rel="preconnect" href="//a.b">')
    assert find_foreign_addresses(
        "x.css", '@import "https://a.b/c.css"; a { background: url(//a.b/c) }'
    )
    assert not find_foreign_addresses("x.html", '<a href="https://a.b">a</a>')


def test_no_page_uses_what_the_theme_would_load_from_another_host():
    loaded = re.compile(r'class="[^"]*\b(?:mermaid|glightbox|pyodide)\b')
    assert [
        name for name in list_pages() if loaded.search((SITE / name).read_text(encoding="utf-8"))
    ] == []


def test_every_internal_link_and_anchor_resolves():
    broken = {
        name: links for name in list_pages() if (links := find_broken_links(name, load_page(name)))
    }
    assert broken == {}
    assert find_broken_links("index.html", Page('<a href="nothing.html">x</a>')) == ["nothing.html"]
    assert find_broken_links("index.html", Page('<a href="problems.html#x-y">x</a>')) == [
        "problems.html#x-y"
    ]


def test_every_page_is_in_the_navigation_and_the_navigation_has_no_other():
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert pages == set(list_navigation())


def test_the_site_is_newer_than_its_sources():
    assert load_script("build").is_current(), "run make docs"


def test_no_page_has_an_inline_style_or_handler():
    refused = re.compile(r"<[^>]+\s(?:style|on\w+)=|<style|javascript:", re.IGNORECASE)
    refused_pages = {
        name for name in list_pages() if refused.search((SITE / name).read_text(encoding="utf-8"))
    }
    assert refused_pages == set(), "the Content-Security-Policy refuses them"
