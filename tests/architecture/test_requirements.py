"""The locked requirements are what pyproject.toml asks for, to the byte, and ask no particular registry."""

import re
import tomllib
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.house import ROOT

LOCKED = ("run.txt", "dev.txt", "build.txt", "uv.txt", "tools.txt")


@dataclass(frozen=True, slots=True)
class Pin:
    version: str
    hashes: frozenset[str]


def pins(text: str) -> dict[str, Pin]:
    """The pins of a locked file by name. Raises: AssertionError for a line that is none."""
    found: dict[str, Pin] = {}
    for entry in re.sub(r"\\\n\s*", " ", text).splitlines():
        if entry.strip():
            match = re.fullmatch(
                r"([\w.-]+)==([\w.!+]+)( ; [^#]+?)?((?: +--hash=sha256:[0-9a-f]{64})+)",
                entry.rstrip(),
            )
            assert match, f"not a pin with hashes: {entry[:80]}"
            found[canonicalize_name(match[1])] = Pin(match[2], frozenset(match[4].split()))
    return found


def locked(name: str) -> dict[str, Pin]:
    return pins((ROOT / "requirements" / name).read_text(encoding="utf-8"))


def wanted(*texts: str) -> list[Requirement]:
    lines = [line.split("#")[0].strip() for text in texts for line in text.splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def unmet(requirements: list[Requirement], locks: dict[str, Pin]) -> list[str]:
    def met(each: Requirement) -> bool:
        pin = locks.get(canonicalize_name(each.name))
        return pin is not None and each.specifier.contains(pin.version)

    return [str(each) for each in requirements if not met(each)]


def project() -> dict[str, list[str]]:
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {"run": whole["project"]["dependencies"], "build": whole["build-system"]["requires"]}


def test_every_line_is_a_pin_with_its_hashes():
    for name in LOCKED:
        assert locked(name), name
    for planted in ("x>=1 --hash=sha256:" + "0" * 64, "x==1", "-i somewhere", "x @ file:///x"):
        try:
            pins(planted)
        except AssertionError:
            continue
        raise AssertionError(planted)


def test_what_the_project_declares_is_locked():
    assert unmet([Requirement(each) for each in project()["run"]], locked("run.txt")) == []
    assert unmet([Requirement(each) for each in project()["build"]], locked("build.txt")) == []
    written = [
        (ROOT / "requirements" / name).read_text(encoding="utf-8")
        for name in ("dev.in", "build.in", "uv.in")
    ]
    assert unmet(wanted(*written), locked("dev.txt")) == []
    tools = (ROOT / "requirements" / "tools.in").read_text(encoding="utf-8")
    assert unmet(wanted(tools), locked("tools.txt")) == []
    assert unmet([Requirement("fastapi>=999"), Requirement("nothing")], locked("run.txt")) == [
        "fastapi>=999",
        "nothing",
    ]


def test_tests_run_on_what_is_shipped():
    ours, theirs = locked("run.txt"), locked("dev.txt")
    assert {name: pin for name, pin in ours.items() if theirs.get(name) != pin} == {}
    for other in ("build.txt", "uv.txt"):
        assert {name: pin for name, pin in locked(other).items() if theirs.get(name) != pin} == {}
