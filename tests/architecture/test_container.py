"""The image is small, locked and harmless: nobody runs it, nothing in it compiles, and a read-only disk will do."""

import json
import re

from tests.support.house import ROOT


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, continued lines joined, comments left out."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [
        (word, rest.strip())
        for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]


def faults(text: str) -> list[str]:
    """What is wrong with the image that this Dockerfile describes."""
    said = instructions(text)
    starts = [position for position, (word, _) in enumerate(said) if word == "FROM"]
    last = said[starts[-1] :] if starts else []
    users = [rest for word, rest in last if word == "USER"]
    installs = [
        part
        for word, rest in said
        if word == "RUN"
        for part in rest.split("&&")
        if re.search(r"\binstall\b", part)
    ]
    commands = {
        word: rest
        for word, rest in last
        if word in {"ENTRYPOINT", "CMD", "HEALTHCHECK", "STOPSIGNAL"}
    }
    wrong = {
        "one stage only": len(starts) < 2,
        "an image without a fixed version": any(
            re.fullmatch(r"[^:@]+|.*:latest", rest.split()[0])
            for word, rest in said
            if word == "FROM"
        ),
        "no numeric user": not users or not re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", users[-1]),
        "the last stage runs commands": any(word == "RUN" for word, _ in last),
        "an install without hashes": any(
            "--require-hashes" not in part and "--no-index" not in part for part in installs
        ),
        "not in exec form": not all(
            _exec_form(commands.get(word, "")) for word in ("ENTRYPOINT", "CMD", "HEALTHCHECK")
        ),
        "does not ask /livez": "/livez" not in commands.get("HEALTHCHECK", ""),
        "does not say how it is stopped": commands.get("STOPSIGNAL") != "SIGTERM",
        "adds what it should copy": any(word == "ADD" for word, _ in said),
    }
    return [fault for fault, holds in wrong.items() if holds]


def _exec_form(rest: str) -> bool:
    words = rest[rest.index("[") :] if "[" in rest else ""
    try:
        return isinstance(json.loads(words), list)
    except ValueError:
        return False


def test_the_image_is_locked_and_harmless():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert faults(text) == []
    assert "no numeric user" in faults(text.replace("USER 10001:10001", "USER nobody"))
    assert "an install without hashes" in faults(text.replace("--require-hashes", ""))
    assert "not in exec form" in faults(
        text.replace('ENTRYPOINT ["sightline"]', "ENTRYPOINT sightline")
    )
    assert "the last stage runs commands" in faults(text + "\nRUN pip install x\n")
    assert "an image without a fixed version" in faults(
        text.replace("FROM python:3.11-slim-bookworm", "FROM python")
    )


def test_the_image_is_built_from_what_it_needs_only():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*", "everything is left out that is not let in"
    copied = [
        rest
        for word, rest in instructions((ROOT / "Dockerfile").read_text(encoding="utf-8"))
        if word == "COPY"
    ]
    roots = {
        name.split("/")[0] for rest in copied if "--from" not in rest for name in rest.split()[:-1]
    }
    assert roots - {rule[1:].split("/")[0] for rule in rules if rule.startswith("!")} == set()
