"""Drops: every message counted, and named in the log without flooding it."""

import logging
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.drops import LOG_INTERVAL, Drops

CAUSES = ["expired", "over_capacity", "reader_died", "undecodable"]


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def __enter__(self) -> "Lines":
        logging.getLogger("fairway.drops").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("fairway.drops").removeHandler(self)

    @property
    def counts(self) -> Counter[str]:
        """What the lines say was dropped, by cause."""
        counts: Counter[str] = Counter()
        for record in self.records:
            count, _, cause, *_ = record.args  # type: ignore[misc]
            counts[str(cause)] += int(count)  # type: ignore[call-overload]
        return counts


EVENTS = st.lists(
    st.tuples(st.sampled_from(CAUSES), st.integers(1, 9), st.floats(0, LOG_INTERVAL * 1.5)),
    max_size=30,
)


@given(EVENTS)
def test_counts_are_exact_and_lines_rare(events) -> None:
    now = 0.0
    drops = Drops(lambda: now)
    expected = Counter(dict.fromkeys(CAUSES, 0))
    with Lines() as lines:
        for cause, count, pause in events:
            now += pause
            drops.record(cause, "chat", count)
            expected[cause] += count
            assert drops.counts() == dict(expected)
        for cause in CAUSES:
            of_cause = [record for record in lines.records if record.args[2] == cause]
            assert len(of_cause) <= now / LOG_INTERVAL + 1
        now += LOG_INTERVAL
        for cause in CAUSES:  # one more of each brings to light what was not yet said
            drops.record(cause, "chat", 1)
            expected[cause] += 1
        assert lines.counts == expected


def test_the_first_of_each_cause_is_logged_at_once() -> None:
    drops = Drops(lambda: 5.0)
    with Lines() as lines:
        for cause in CAUSES:
            drops.record(cause, "chat", 1)
            drops.record(cause, "chat", 1)
    assert [record.args[2] for record in lines.records] == CAUSES
    assert {record.levelno for record in lines.records} == {logging.WARNING}


def test_a_line_names_count_cause_and_channel() -> None:
    now = 0.0
    drops = Drops(lambda: now)
    with Lines() as lines:
        drops.record("expired", "first", 1)
        drops.record("expired", "second", 4)
        now = LOG_INTERVAL
        drops.record("expired", "third", 2)
    why = "nobody read them within the layer's expiry"
    assert [record.getMessage() for record in lines.records] == [
        f"1 message dropped as expired, lastly for first: {why}",
        f"6 messages dropped as expired, lastly for third: {why}",
    ]


def test_every_cause_is_there_from_the_beginning() -> None:
    counts = Drops(lambda: 0.0).counts()
    assert counts == dict.fromkeys(CAUSES, 0)
    counts["expired"] = 5
    assert Drops(lambda: 0.0).counts() == dict.fromkeys(CAUSES, 0)


def test_a_log_handler_may_use_the_counters() -> None:
    """It may well send the line through the layer whose drops these are."""
    drops = Drops(lambda: 0.0)

    class Curious(Lines):
        def emit(self, record: logging.LogRecord) -> None:
            super().emit(record)
            if len(self.records) < 2:
                drops.record("over_capacity", "log", 1)
            drops.counts()

    with Curious() as lines:
        drops.record("expired", "chat", 1)
    assert lines.counts == Counter(expired=1, over_capacity=1)


@pytest.mark.parametrize("threads", [4])
def test_threads_lose_no_count(threads: int) -> None:
    drops = Drops(lambda: 0.0)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def drop(_: int) -> None:
        for _ in range(2000):
            drops.record("expired", "chat", 3)

    try:
        with ThreadPoolExecutor(threads) as pool, Lines() as lines:
            list(pool.map(drop, range(threads)))
    finally:
        sys.setswitchinterval(before)
    assert drops.counts()["expired"] == threads * 2000 * 3
    assert len(lines.records) == 1
