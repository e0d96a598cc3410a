"""The container image is locked and runs without root rights, a compiler or a writable disk."""

import json
import re

from tests.support.source_files import ROOT


def parse_instructions(text: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile. Join continued lines, and leave out comments."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [
        (word, arguments.strip())
        for word, _, arguments in (line.partition(" ") for line in joined.splitlines() if line)
    ]


def find_image_faults(text: str) -> list[str]:
    """Return the faults of the image that this Dockerfile describes."""
    instructions = parse_instructions(text)
    stage_starts = [position for position, (word, _) in enumerate(instructions) if word == "FROM"]
    last_stage = instructions[stage_starts[-1] :] if stage_starts else []
    users = [arguments for word, arguments in last_stage if word == "USER"]
    installs = [
        command
        for word, arguments in instructions
        if word == "RUN"
        for command in arguments.split("&&")
        if re.search(r"\binstall\b", command)
    ]
    commands = {
        word: arguments
        for word, arguments in last_stage
        if word in {"ENTRYPOINT", "CMD", "HEALTHCHECK", "STOPSIGNAL"}
    }
    fault_conditions = {
        "one stage only": len(stage_starts) < 2,
        "an image without a fixed version": any(
            re.fullmatch(r"[^:@]+|.*:latest", arguments.split()[0])
            for word, arguments in instructions
            if word == "FROM"
        ),
        "no numeric user": not users or not re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", users[-1]),
        "the last stage runs commands": any(word == "RUN" for word, _ in last_stage),
        "an install without hashes": any(
            "--require-hashes" not in command and "--no-index" not in command
            for command in installs
        ),
        "not in exec form": not all(
            _is_exec_form(commands.get(word, "")) for word in ("ENTRYPOINT", "CMD", "HEALTHCHECK")
        ),
        "does not ask /livez": "/livez" not in commands.get("HEALTHCHECK", ""),
        "does not say how it is stopped": commands.get("STOPSIGNAL") != "SIGTERM",
        "adds what it should copy": any(word == "ADD" for word, _ in instructions),
    }
    return [fault for fault, is_present in fault_conditions.items() if is_present]


def _is_exec_form(arguments: str) -> bool:
    words = arguments[arguments.index("[") :] if "[" in arguments else ""
    try:
        return isinstance(json.loads(words), list)
    except ValueError:
        return False


def test_the_image_is_locked_and_harmless():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert find_image_faults(text) == []
    assert "no numeric user" in find_image_faults(text.replace("USER 10001:10001", "USER nobody"))
    assert "an install without hashes" in find_image_faults(text.replace("--require-hashes", ""))
    assert "not in exec form" in find_image_faults(
        text.replace('ENTRYPOINT ["sightline"]', "ENTRYPOINT sightline")
    )
    assert "the last stage runs commands" in find_image_faults(text + "\nRUN pip install x\n")
    assert "an image without a fixed version" in find_image_faults(
        text.replace("FROM python:3.11-slim-bookworm", "FROM python")
    )


def test_the_image_is_built_from_what_it_needs_only():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*", "everything is left out that is not let in"
    copied = [
        arguments
        for word, arguments in parse_instructions((ROOT / "Dockerfile").read_text(encoding="utf-8"))
        if word == "COPY"
    ]
    roots = {
        file_name.split("/")[0]
        for arguments in copied
        if "--from" not in arguments
        for file_name in arguments.split()[:-1]
    }
    assert roots - {rule[1:].split("/")[0] for rule in rules if rule.startswith("!")} == set()
