"""Subjects of commits are `<scope>: <imperative verb> <object>`."""

import re
import subprocess

import pytest

from tests.support.imperative_verbs import VERBS
from tests.support.source_files import ROOT

# The rule began after this commit.
BASE_COMMIT = "35363c9"
MAX_SUBJECT_LENGTH = 72
SUBJECT_PATTERN = re.compile(r"[a-z][a-z0-9_./-]*(, [a-z][a-z0-9_./-]*)*: (?P<verb>[a-z]+) [^:]+")


def find_subject_fault(subject: str) -> str | None:
    """Return the fault of a subject, or None if it has none."""
    match = SUBJECT_PATTERN.fullmatch(subject)
    if match is None:
        return "not `scope: verb object` with one colon"
    if match["verb"].capitalize() not in VERBS:
        return f"{match['verb']!r} is not a verb of tests/support/imperative_verbs.py"
    if len(subject) > MAX_SUBJECT_LENGTH:
        return f"{len(subject)} characters, at most {MAX_SUBJECT_LENGTH}"
    return None


def read_subjects() -> list[str]:
    """Return the subjects since the base commit. Skip the test when there is no history to read."""
    command = ["git", "log", "--no-merges", "--format=%s", f"{BASE_COMMIT}..HEAD"]
    try:
        log = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no git history back to {BASE_COMMIT}: {error}")
    return log.stdout.splitlines()


def test_every_subject_is_a_scope_and_an_imperative():
    faults = {subject: find_subject_fault(subject) for subject in read_subjects()}
    assert {subject: fault for subject, fault in faults.items() if fault} == {}


def test_faults_of_subjects_are_detected():
    for bad in (
        "store: parts are read in one query",
        "Store: split the tables",
        "split the tables",
        "store: split: the tables",
        "store: split",
        "store: split " + "a" * 60,
    ):
        assert find_subject_fault(bad), bad
    for good in ("store: split the tables by capability", "scoring, connectors: move modules"):
        assert find_subject_fault(good) is None, good
