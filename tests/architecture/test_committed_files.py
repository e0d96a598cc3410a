"""Committed files name no package registry and no machine, and hold no secret or generated file."""

import re

from tests.support.source_files import ROOT, list_repository_files

# The character classes keep this file from matching its own patterns.
FORBIDDEN_PATTERNS = {
    "a package registry's host": re.compile(
        r"pyp[i][.]o|pythonh[o]sted|npmj[s][.]|deb[.]deb[i]an|registry[.]npm"
    ),
    "a path of somebody's machine": re.compile(
        r"(?<![\w.~)}-])/(r[o]ot|w[o]rk|h[o]me|U[s]ers|opt/p[y]pi)/\w|[.]py[e]nv/"
    ),
    "a conflict marker": re.compile(r"^(<{7}|>{7}) ", re.MULTILINE),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KE[Y]-----"),
}
GENERATED_FILE_PATTERN = re.compile(
    r"(^|/)(\.env|\.DS_Store|__pycache__/.*|.*\.(db|db-wal|db-shm|pyc|log|whl))$"
)


def find_forbidden_names(text: str) -> list[str]:
    return [
        pattern_name for pattern_name, pattern in FORBIDDEN_PATTERNS.items() if pattern.search(text)
    ]


def test_no_committed_file_names_a_registry_or_a_machine():
    files = list_repository_files()
    assert len(files) > 20
    findings_by_file = {}
    for file in files:
        text = file.read_bytes().decode("utf-8", errors="replace")
        findings_by_file[str(file.relative_to(ROOT))] = find_forbidden_names(text)
    assert {
        file_name: findings for file_name, findings in findings_by_file.items() if findings
    } == {}


def test_nothing_is_committed_that_a_program_made_for_itself():
    names = [file.relative_to(ROOT).as_posix() for file in list_repository_files()]
    assert [file_name for file_name in names if GENERATED_FILE_PATTERN.search(file_name)] == []
    assert GENERATED_FILE_PATTERN.search("app/__pycache__/x.cpython-311.pyc")
    assert GENERATED_FILE_PATTERN.search("sightline-demo.db")


def test_forbidden_text_is_detected():
    for forbidden_text in (
        "--index-url https://py" + "pi.org/simple",
        "https://files.python" + "hosted.org/x",
        "cd /ro" + "ot/project",
        "path = '/wo" + "rk/main/app'",
        "/ho" + "me/ada/sightline",
        "<" * 7 + " HEAD",
    ):
        assert find_forbidden_names(forbidden_text), forbidden_text
    for allowed_text in (
        "GET /v1/teams",
        "a/work/b",
        "https://example.com/home/x",
        "# --hash=sha256:0",
    ):
        assert not find_forbidden_names(allowed_text), allowed_text
