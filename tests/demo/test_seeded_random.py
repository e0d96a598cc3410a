from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.demo.seeded_random import SeededRandom

NAMES = st.lists(st.integers() | st.text(max_size=5), max_size=3)


@given(st.text(max_size=5), NAMES, st.integers(-5, 5), st.integers(0, 5))
def test_a_random_choice_stays_in_its_bounds_and_repeats_for_the_same_seed(seed, name, low, span):
    random_source = SeededRandom(seed)
    assert low <= random_source.integer_between(low, low + span, *name) <= low + span
    assert 0 <= random_source.fraction(*name) < 1
    assert random_source.fraction(*name) == SeededRandom(seed).fraction(*name)
    assert random_source.choose("abc", *name) in "abc"
    assert random_source.choose_weighted({"a": 1, "b": 0}, *name) == "a"


def test_random_choices_follow_their_weights():
    random_source = SeededRandom("x")
    counts = Counter(random_source.choose_weighted({"a": 75, "b": 25}, n) for n in range(4000))
    assert 2900 < counts["a"] < 3100
    assert 900 < sum(random_source.happens(0.25, n) for n in range(4000)) < 1100
