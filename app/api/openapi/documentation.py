"""Serve the documentation of the running version, the API reference and the problem addresses.

`docs/build.py` builds the site into `app/site`. The pages need no API key, count for no quota and
read no database. They are absent from the OpenAPI document.
"""

import re
from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request, Response
from starlette.responses import RedirectResponse
from starlette.routing import Route

from app.api.http.etags import is_not_modified
from app.api.http.problems import PROBLEM_KINDS
from app.domain.primitives.errors import NotFoundError, unknown_key_message

SITE: Final = Path(str(files("app"))) / "site"
REFERENCE_PAGE: Final = "assets/reference/index.html"
# A segment never begins with a dot, so that no path leaves the folder.
PATH: Final = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*/)*(?:[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
HASHED_NAME: Final = re.compile(r"\.[0-9a-f]{8}\.min\.(?:css|js)\Z")
INLINE_SCRIPT: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
# The theme's script adds one inline style sheet, for the search. Its hash belongs to the bundle.
THEME_BUNDLE: Final = "bundle.77dd0ce9.min.js"
SEARCH_STYLE: Final = "'sha256-NwSx/R2V/U4jnW0Tq5pQ53Y/rzPVJ4dqE7D6UTA/J1k='"
# The search runs in a worker. The style sheets contain small images as data.
POLICY: Final = (
    "default-src 'none'; script-src {scripts}; style-src 'self' {styles}; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
BODY_HEADERS: Final = {"Content-Type", "Content-Length"}
MAX_CACHED_FILES: Final = 512
MAX_PATH_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A file of the site with its headers."""

    content: bytes
    headers: dict[str, str]


# The modification time is a parameter so that a rebuilt file is a new cache entry.
@lru_cache(maxsize=MAX_CACHED_FILES)
def load_file(path: Path, modified_ns: int) -> SiteFile:
    """Read a file and make its headers. A page has a Content-Security-Policy of its own."""
    content = path.read_bytes()
    immutable = HASHED_NAME.search(path.name)
    headers = {
        "Content-Type": MEDIA_TYPES[path.suffix],
        "Content-Length": str(len(content)),
        "ETag": f'"{sha256(content).hexdigest()[:16]}"',
        "Cache-Control": "public, max-age=31536000, immutable" if immutable else "no-cache",
    }
    if path.suffix == ".html":
        headers["Content-Security-Policy"] = POLICY.format(
            scripts=" ".join(["'self'", *hash_scripts(content)]), styles=SEARCH_STYLE
        )
    return SiteFile(content, headers)


def hash_scripts(page: bytes) -> list[str]:
    """Return the CSP sources that allow the inline scripts of a page, and no other."""
    scripts = dict.fromkeys(INLINE_SCRIPT.findall(page))
    return [f"'sha256-{b64encode(sha256(script).digest()).decode()}'" for script in scripts]


class DocumentationSite:
    """The routes that serve the site from a folder."""

    def __init__(self, folder: Path = SITE) -> None:
        """Serve `folder`, which may be missing: the site is built after the code is installed."""
        self.folder = folder

    def create_routes(self) -> list[Route]:
        """Return the routes. Plain Starlette routes stay out of the OpenAPI document."""
        return [
            Route("/docs", redirect_to_index, include_in_schema=False),
            Route("/docs/api", self.serve_reference, include_in_schema=False),
            Route("/docs/api/", redirect_to_reference, include_in_schema=False),
            Route("/docs/{path:path}", self.serve_page, include_in_schema=False),
            Route("/problems/{code}", redirect_to_problem, include_in_schema=False),
        ]

    def serve_page(self, request: Request) -> Response:
        """Send a file of the site, the index of a folder, or a redirect to the index."""
        name: str = request.path_params["path"]
        if len(name) > MAX_PATH_LENGTH or not PATH.fullmatch(name):
            raise NotFoundError("The documentation has no such page.")
        if name and not name.endswith("/") and (self.folder / name).is_dir():
            return RedirectResponse(f"{name.rpartition('/')[2]}/")
        return self._send(request, f"{name}index.html" if name.endswith("/") or not name else name)

    def serve_reference(self, request: Request) -> Response:
        """Send the API reference: Swagger UI, which reads /openapi.json."""
        return self._send(request, REFERENCE_PAGE)

    def _send(self, request: Request, name: str) -> Response:
        path = self.folder / name
        if path.suffix not in MEDIA_TYPES or not path.is_file():
            if not (self.folder / "index.html").is_file():
                raise NotFoundError("The documentation is not built. Run `make docs`.")
            raise NotFoundError("The documentation has no such page.")
        file = load_file(path, path.stat().st_mtime_ns)
        if is_not_modified(request, file.headers["ETag"]):
            # A browser replaces the stored headers by these, the policy too.
            headers = {key: file.headers[key] for key in file.headers if key not in BODY_HEADERS}
            return Response(status_code=304, headers=headers)
        return Response(b"" if request.method == "HEAD" else file.content, headers=file.headers)


# Locations are relative, so that they hold behind a proxy that adds a prefix.
def redirect_to_index(_: Request) -> Response:
    """Redirect /docs to /docs/."""
    return RedirectResponse("docs/")


def redirect_to_reference(_: Request) -> Response:
    """Redirect /docs/api/ to /docs/api, where the reference's relative links hold."""
    return RedirectResponse("../api")


def redirect_to_problem(request: Request) -> Response:
    """Redirect the `type` of a problem document to its place in the documentation."""
    code: str = request.path_params["code"]
    if code not in PROBLEM_KINDS:
        raise NotFoundError(unknown_key_message("problem code", code[:100], PROBLEM_KINDS))
    return RedirectResponse(f"../docs/problems.html#{code}")


def install_documentation(app: FastAPI) -> None:
    """Add the documentation to the application."""
    app.router.routes.extend(DocumentationSite().create_routes())
