"""Build the documentation site in `app/site`: pages by Zensical, the API reference by Swagger UI.

`make docs` runs this file. It is also the build hook of the wheel.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT: Final = Path(__file__).resolve().parents[1]
SITE: Final = ROOT / "app" / "site"
# `is_current` compares times with this file: it is written last.
STAMP: Final = SITE / "index.html"
# SHA-256 of the files in swagger-ui-dist 5.34.0 on the npm registry.
SWAGGER_UI_HASHES: Final = {
    "swagger-ui-bundle.js": "3f6abf70480db7e07914df4c98a77385f22ea585eaf457a3e6415ba0eae2d167",
    "swagger-ui.css": "c3cfe8248c4b0b89673600fb829924eafbac6de4bc4b2b06f5f5243483074d0a",
}
# Zensical copies every file of docs/ that is no Markdown. The service sends problems, no 404 page.
UNUSED_PATTERNS: Final = (
    "404.html",
    "sitemap.xml",
    "**/*.py",
    "**/*.yaml",
    "**/__pycache__",
    "assets/stylesheets/classic",
)


class BuildError(Exception):
    """The site cannot be built. The message says why."""


class DocumentationHook(BuildHookInterface[Any]):  # Any: the configuration, which is not read
    """Build the site before the wheel is packed."""

    PLUGIN_NAME = "custom"

    # Any: the signature of hatchling
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling passes it
        """Build the site unless it is current. Use an older site where the generator is missing."""
        if version == "editable" or is_current():
            return
        if find_spec("zensical") is None or find_spec("fastapi_swagger") is None:
            if STAMP.exists():
                self.app.display_warning("zensical is missing: the wheel gets the older site")
                return
            self.app.abort("zensical and app/site are missing: install requirements/build.txt")
        build_site()


def is_current() -> bool:
    """Check that the site is newer than every source of it."""
    if not STAMP.exists():
        return False
    paths = [path for path in (ROOT / "docs").rglob("*") if path.suffix != ".pyc"]
    newest = max(path.stat().st_mtime for path in [ROOT / "mkdocs.yml", *paths] if path.is_file())
    return STAMP.stat().st_mtime >= newest


def build_site() -> None:
    """Build the site from nothing. Raise BuildError, and leave no site, when a page has a fault."""
    shutil.rmtree(SITE, ignore_errors=True)
    try:
        _run_zensical()
        _copy_swagger_ui()
        for pattern in UNUSED_PATTERNS:
            for path in list(SITE.glob(pattern)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    except BuildError:
        shutil.rmtree(SITE, ignore_errors=True)
        raise
    STAMP.touch()


def _run_zensical() -> None:
    # --clean: the faults of a page that is read from the cache are not reported again.
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    environment = os.environ | {"NO_COLOR": "1"}
    process = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    shutil.rmtree(ROOT / ".cache", ignore_errors=True)
    if process.returncode:
        report, _, _ = process.stderr.partition("Traceback (most recent call last)")
        raise BuildError(f"zensical failed:\n{process.stdout}{report}")
    if not STAMP.exists():
        raise BuildError(f"zensical wrote no {STAMP.name}: docs/index.md is missing")


def _copy_swagger_ui() -> None:
    package = find_spec("fastapi_swagger")
    if package is None or package.origin is None:
        raise BuildError("fastapi-swagger is missing: install requirements/build.txt")
    target = SITE / "assets" / "reference"
    for name, digest in SWAGGER_UI_HASHES.items():
        content = (Path(package.origin).parent / "resources" / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise BuildError(f"{name} of fastapi-swagger is not the file of Swagger UI 5.34.0")
        (target / name).write_bytes(content)


if __name__ == "__main__":
    try:
        build_site()
    except BuildError as error:
        sys.exit(str(error))
