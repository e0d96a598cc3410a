"""The documentation is served without a key, with strict headers, and from its own folder only."""

import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.api.app import create_application
from app.api.http import problems
from app.api.http.middleware import OuterMiddleware
from app.api.openapi.documentation import SITE, THEME_BUNDLE, DocumentationSite
from tests.support.openapi_contract import get_contract

PAGE = "<html><script>let a = 1</script><script src='x.js'></script>Hello</html>"


def connect(application: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application)
    return httpx.AsyncClient(transport=transport, base_url="http://sightline.test")


def connect_to_folder(folder: Path) -> httpx.AsyncClient:
    application = FastAPI(docs_url=None, redoc_url=None, redirect_slashes=False)
    problems.install_handlers(application)
    application.router.routes.extend(DocumentationSite(folder).create_routes())
    application.add_middleware(OuterMiddleware, direct_routes={})
    return connect(application)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    for name in ("index.html", "crm/index.html", "assets/reference/index.html"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(PAGE, encoding="utf-8")
    (folder / "main.0123abcd.min.css").write_text("a {}", encoding="utf-8")
    (folder / "notes.bin").write_bytes(b"x")
    (tmp_path / "secret.html").write_text("secret", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/docs", "/docs/"),
        ("/docs/api/", "/docs/api"),
        ("/docs/crm", "/docs/crm/"),
        ("/problems/not-found", "/docs/problems.html#not-found"),
    ],
)
async def test_short_addresses_redirect(site, path, location):
    reply = await connect_to_folder(site).get(path)
    assert reply.status_code == 307
    assert reply.url.join(reply.headers["location"]) == f"http://sightline.test{location}"


@pytest.mark.parametrize("path", ["/docs/", "/docs/index.html", "/docs/crm/", "/docs/api"])
async def test_a_page_has_strict_headers(site, path):
    reply = await connect_to_folder(site).get(path)
    assert (reply.status_code, reply.text) == (200, PAGE)
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["cache-control"] == "no-cache"
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'self' 'sha256-[\w+/]{43}=';", policy)
    assert "unsafe" not in policy
    assert "//" not in policy


async def test_a_repeated_request_gets_304_and_head_no_body(site):
    client = connect_to_folder(site)
    first = await client.get("/docs/")
    revalidation = await client.get("/docs/", headers={"If-None-Match": first.headers["etag"]})
    assert (revalidation.status_code, revalidation.content) == (304, b"")
    for name in ("etag", "cache-control", "content-security-policy"):
        assert revalidation.headers[name] == first.headers[name], (
            "a browser takes the headers of a 304"
        )
    head = await client.head("/docs/")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(PAGE))


async def test_a_rebuilt_page_is_served_and_a_hashed_file_is_cached(site):
    client = connect_to_folder(site)
    first = await client.get("/docs/")
    (site / "index.html").write_text("New", encoding="utf-8")
    assert (await client.get("/docs/")).text == "New" != first.text
    asset = await client.get("/docs/main.0123abcd.min.css")
    assert asset.headers["content-type"] == "text/css; charset=utf-8"
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path",
    [
        "/docs/nothing.html",
        "/docs/notes.bin",
        "/docs/index.html/",
        "/docs/%2e%2e/secret.html",
        "/docs/crm/%2e%2e/%2e%2e/secret.html",
        "/docs/..%5csecret.html",
        "/docs//etc/passwd",
        "/docs/%00",
        "/docs/" + "a" * 300,
        "/docs/" + "a/" * 3000,
        "/problems/nothing",
        "/problems/a/b",
    ],
)
async def test_other_paths_are_404_problems(site, path):
    reply = await connect_to_folder(site).get(path)
    assert (reply.status_code, reply.json()["code"]) == (404, "not-found")
    assert reply.headers["content-type"] == "application/problem+json"


async def test_other_methods_are_405_problems(site):
    reply = await connect_to_folder(site).post("/docs/")
    assert (reply.status_code, reply.json()["code"]) == (405, "method-not-allowed")
    assert reply.headers["allow"] == "GET, HEAD"


async def test_without_the_site_the_problem_says_make_docs(tmp_path):
    client = connect_to_folder(tmp_path / "missing")
    for path in ("/docs/", "/docs/api", "/docs/problems.html"):
        reply = await client.get(path)
        assert (reply.status_code, reply.json()["code"]) == (404, "not-found")
        assert "make docs" in reply.json()["detail"]


async def test_the_application_serves_the_built_site_without_a_key_or_a_database():
    client = connect(create_application())
    page = await client.get("/docs/")
    assert page.status_code == 200, page.text
    reference = await client.get("/docs/api")
    assert '<a href="../openapi.json">' in reference.text
    script = await client.get("/docs/assets/reference/reference.js")
    assert 'new URL("../openapi.json"' in script.text
    assert "persistAuthorization: false" in script.text
    assert "ratelimit" not in page.headers


def test_the_documentation_is_absent_from_the_contract():
    assert [
        path for path in get_contract()["paths"] if path.startswith(("/docs", "/problems"))
    ] == []


def test_the_hash_of_the_search_style_belongs_to_the_theme():
    # After an upgrade of Zensical: open the search in a browser, copy the hash that its console
    # reports into SEARCH_STYLE, and the new name of the bundle into THEME_BUNDLE.
    bundles = [path.name for path in (SITE / "assets" / "javascripts").glob("bundle.*.js")]
    assert bundles == [THEME_BUNDLE]
