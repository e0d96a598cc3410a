from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.demo.seeded_random import Dice

NAMES = st.lists(st.integers() | st.text(max_size=5), max_size=3)


@given(st.text(max_size=5), NAMES, st.integers(-5, 5), st.integers(0, 5))
def test_a_throw_stays_in_its_bounds_and_falls_the_same_way(seed, name, low, more):
    dice = Dice(seed)
    assert low <= dice.between(low, low + more, *name) <= low + more
    assert 0 <= dice.chance(*name) < 1
    assert dice.chance(*name) == Dice(seed).chance(*name)
    assert dice.pick("abc", *name) in "abc"
    assert dice.weighed({"a": 1, "b": 0}, *name) == "a"


def test_throws_are_spread_as_they_are_weighed():
    dice = Dice("x")
    found = Counter(dice.weighed({"a": 75, "b": 25}, n) for n in range(4000))
    assert 2900 < found["a"] < 3100
    assert 900 < sum(dice.whether(0.25, n) for n in range(4000)) < 1100
