"""What is committed could be read by anyone, anywhere: no registry, no machine, no secret file, nothing half done."""

import re

from tests.support.house import ROOT, ours

# Written with character classes, so that this file does not name what it forbids.
FORBIDDEN = {
    "a package registry's host": re.compile(
        r"pyp[i][.]o|pythonh[o]sted|npmj[s][.]|deb[.]deb[i]an|registry[.]npm"
    ),
    "a path of somebody's machine": re.compile(
        r"(?<![\w.~)}-])/(r[o]ot|w[o]rk|h[o]me|U[s]ers|opt/p[y]pi)/\w|[.]py[e]nv/"
    ),
    "a conflict marker": re.compile(r"^(<{7}|>{7}) ", re.MULTILINE),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KE[Y]-----"),
}
NEVER = re.compile(r"(^|/)(\.env|\.DS_Store|__pycache__/.*|.*\.(db|db-wal|db-shm|pyc|log|whl))$")


def findings(text: str) -> list[str]:
    return [name for name, pattern in FORBIDDEN.items() if pattern.search(text)]


def test_no_committed_file_names_a_registry_or_a_machine():
    files = ours()
    assert len(files) > 20
    found = {}
    for file in files:
        text = file.read_bytes().decode("utf-8", errors="replace")
        found[str(file.relative_to(ROOT))] = findings(text)
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_nothing_is_committed_that_a_program_made_for_itself():
    names = [file.relative_to(ROOT).as_posix() for file in ours()]
    assert [name for name in names if NEVER.search(name)] == []
    assert NEVER.search("app/__pycache__/x.cpython-311.pyc")
    assert NEVER.search("sightline-demo.db")


def test_the_forbidden_is_found_where_it_stands():
    for planted in (
        "--index-url https://py" + "pi.org/simple",
        "https://files.python" + "hosted.org/x",
        "cd /ro" + "ot/project",
        "path = '/wo" + "rk/main/app'",
        "/ho" + "me/ada/sightline",
        "<" * 7 + " HEAD",
    ):
        assert findings(planted), planted
    for innocent in (
        "GET /v1/teams",
        "a/work/b",
        "https://example.com/home/x",
        "# --hash=sha256:0",
    ):
        assert not findings(innocent), innocent
