"""The distance between two clocks, of which one is only ever asked from afar."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.core.store_clock import StoreClock

#: Seconds that a question takes to the store, and the answer back.
ways = st.tuples(st.floats(0, 10), st.floats(0, 10))


def asked(clock: StoreClock, now: float, distance: float, way: tuple[float, float]) -> float:
    there, back = way
    return clock.told(now + there - distance, now, now + there + back)


@given(st.floats(-1e6, 1e6), st.lists(ways, min_size=1))
def test_it_is_as_exact_as_the_quickest_answer(
    distance: float, answers: list[tuple[float, float]]
) -> None:
    clock = StoreClock()
    told = [asked(clock, 20.0 * n, distance, way) for n, way in enumerate(answers)]
    assert told[-1] == pytest.approx(distance, abs=min(map(sum, answers)) / 2 + 0.002)


@given(st.lists(ways, min_size=1), st.floats(20, 1e6), st.booleans(), ways)
def test_a_clock_that_was_set_is_followed(
    answers: list[tuple[float, float]], by: float, back: bool, way: tuple[float, float]
) -> None:
    clock = StoreClock()
    for n, before in enumerate(answers):
        asked(clock, 20.0 * n, 0, before)
    distance = -by if back else by
    told = asked(clock, 20.0 * len(answers), distance, way)
    assert told == pytest.approx(distance, abs=sum(way) / 2 + 0.002)
