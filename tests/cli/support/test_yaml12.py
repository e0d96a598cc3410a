import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.support.terminal import CommandError
from app.cli.support.yaml12 import dump_yaml, load_yaml

TEXT_STRATEGY = st.text(
    st.characters(exclude_categories=("Cs", "Cc")), max_size=12
) | st.sampled_from(
    [
        "no",
        "on",
        "010",
        "0o17",
        "1:30",
        "2026-10-01",
        "~",
        "null",
        "1e3",
        ".5",
        "0x1F",
        "<<",
        "=",
        "y",
        "- a",
        "1_000",
    ]
)
VALUE_STRATEGY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT_STRATEGY,
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(TEXT_STRATEGY, children, max_size=4)
    ),
    max_leaves=12,
)


def test_days_and_yaml_1_1_booleans_are_texts():
    text = (
        "{a: 2026-10-01, b: no, c: on, d: 010, e: 1:30, f: true, g: ~, h: 0.5, "
        "i: 2026-10-01T12:00:00Z, j: 0o17}"
    )
    assert load_yaml(text) == {
        "a": "2026-10-01",
        "b": "no",
        "c": "on",
        "d": 10,
        "e": "1:30",
        "f": True,
        "g": None,
        "h": 0.5,
        "i": "2026-10-01T12:00:00Z",
        "j": 15,
    }


@given(VALUE_STRATEGY)
def test_dumped_yaml_round_trips(document):
    assert load_yaml(dump_yaml(document)) == document


def test_days_are_dumped_as_people_write_them():
    assert (
        dump_yaml({"starts_on": "2026-10-01", "answer": "no"})
        == "starts_on: 2026-10-01\nanswer: 'no'\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3, column 1: the key 'a' is here twice"),
        ("x:\n  - {k: 1, k: 2}\n", "line 2"),
        ("1: a\n", "a key must be a text"),
        ("a: [1\n", "line 2"),
        ("a: !!python/object:os.system {}\n", "line 1"),
        ("a\x00b", "This is not the YAML"),
        ("--- 1\n--- 2\n", "line 2"),
        ("[" * 3000, "This is not the YAML"),
    ],
)
def test_an_unreadable_text_is_reported_with_its_position(text, message):
    with pytest.raises(CommandError) as excinfo:
        load_yaml(text)
    assert message in str(excinfo.value)
    assert excinfo.value.problem["code"] == "malformed-input"
