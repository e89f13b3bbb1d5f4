"""A memo finds each value once, and keeps no more than it may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.core.memo import Memo


@given(st.lists(st.integers(0, 30)), st.integers(1, 10))
def test_values_are_right_and_bounded(keys: list[int], most: int) -> None:
    memo = Memo[int, int](lambda key: key * key, most)
    for key in keys:
        assert memo[key] == key * key
        assert len(memo) <= most


def test_a_value_is_found_once() -> None:
    found: list[str] = []

    def find(key: str) -> str:
        found.append(key)
        return key.upper()

    memo = Memo[str, str](find, 2)
    assert [memo[key] for key in "abab"] == ["A", "B", "A", "B"]
    assert found == ["a", "b"]


def test_what_can_not_be_found_is_looked_for_again() -> None:
    answers = iter([ValueError("not yet"), 5])

    def find(_: str) -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    memo = Memo[str, int](find, 2)
    with pytest.raises(ValueError, match="not yet"):
        memo["a"]
    assert memo["a"] == 5
