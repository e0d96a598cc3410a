"""The locked requirements satisfy pyproject.toml, have hashes, and name no registry."""

import re
import tomllib
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.source_files import ROOT

LOCKED_FILES = ("run.txt", "dev.txt", "build.txt", "uv.txt", "tools.txt")


@dataclass(frozen=True, slots=True)
class Pin:
    version: str
    hashes: frozenset[str]


def parse_pins(text: str) -> dict[str, Pin]:
    """Return the pins of a locked file by name.

    Raises: AssertionError for a line that is not a pin with hashes.
    """
    pins: dict[str, Pin] = {}
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line.strip():
            match = re.fullmatch(
                r"([\w.-]+)==([\w.!+]+)( ; [^#]+?)?((?: +--hash=sha256:[0-9a-f]{64})+)",
                line.rstrip(),
            )
            assert match, f"not a pin with hashes: {line[:80]}"
            pins[canonicalize_name(match[1])] = Pin(match[2], frozenset(match[4].split()))
    return pins


def read_locked_pins(name: str) -> dict[str, Pin]:
    return parse_pins((ROOT / "requirements" / name).read_text(encoding="utf-8"))


def parse_requirements(*texts: str) -> list[Requirement]:
    lines = [line.split("#")[0].strip() for text in texts for line in text.splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def find_unmet_requirements(requirements: list[Requirement], locks: dict[str, Pin]) -> list[str]:
    def is_met(requirement: Requirement) -> bool:
        pin = locks.get(canonicalize_name(requirement.name))
        return pin is not None and requirement.specifier.contains(pin.version)

    return [str(requirement) for requirement in requirements if not is_met(requirement)]


def read_project_requirements() -> dict[str, list[str]]:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {
        "run": pyproject["project"]["dependencies"],
        "build": pyproject["build-system"]["requires"],
    }


def test_every_line_is_a_pin_with_its_hashes():
    for file_name in LOCKED_FILES:
        assert read_locked_pins(file_name), file_name
    for invalid_line in ("x>=1 --hash=sha256:" + "0" * 64, "x==1", "-i somewhere", "x @ file:///x"):
        try:
            parse_pins(invalid_line)
        except AssertionError:
            continue
        raise AssertionError(invalid_line)


def test_what_the_project_declares_is_locked():
    assert (
        find_unmet_requirements(
            [Requirement(requirement) for requirement in read_project_requirements()["run"]],
            read_locked_pins("run.txt"),
        )
        == []
    )
    assert (
        find_unmet_requirements(
            [Requirement(requirement) for requirement in read_project_requirements()["build"]],
            read_locked_pins("build.txt"),
        )
        == []
    )
    input_files = [
        (ROOT / "requirements" / file_name).read_text(encoding="utf-8")
        for file_name in ("dev.in", "build.in", "uv.in")
    ]
    assert (
        find_unmet_requirements(parse_requirements(*input_files), read_locked_pins("dev.txt")) == []
    )
    tools = (ROOT / "requirements" / "tools.in").read_text(encoding="utf-8")
    assert find_unmet_requirements(parse_requirements(tools), read_locked_pins("tools.txt")) == []
    assert find_unmet_requirements(
        [Requirement("fastapi>=999"), Requirement("nothing")], read_locked_pins("run.txt")
    ) == [
        "fastapi>=999",
        "nothing",
    ]


def test_tests_run_on_what_is_shipped():
    runtime_pins = read_locked_pins("run.txt")
    development_pins = read_locked_pins("dev.txt")
    assert {
        package_name: pin
        for package_name, pin in runtime_pins.items()
        if development_pins.get(package_name) != pin
    } == {}
    for file_name in ("build.txt", "uv.txt"):
        assert {
            package_name: pin
            for package_name, pin in read_locked_pins(file_name).items()
            if development_pins.get(package_name) != pin
        } == {}
