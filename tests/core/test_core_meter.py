"""Meters against a model that remembers every message: exact totals, honest rates."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fairway.core.meter import SAMPLE_INTERVAL, WINDOW, Meters
from fairway.names import parse_channel

INBOXES = st.sampled_from(["chat", "work", "s.n1!", "s.n2!"])
COUNTS = st.integers(1, 50)
START = 1000.0


class MeterMachine(RuleBasedStateMachine):
    """Ticks come at every step, as from a store that is in use."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.meters = Meters(self.now)
        self.log: list[tuple[float, str, int]] = []
        self.fulls: Counter[str] = Counter()

    @rule(inbox=INBOXES, count=COUNTS)
    def send(self, inbox: str, count: int) -> None:
        self.meters.count(inbox, count)
        self.log.append((self.now, inbox, count))
        self.meters.tick(self.now)

    @rule(inbox=INBOXES, count=COUNTS)
    def meet_full(self, inbox: str, count: int) -> None:
        self.meters.count_full(inbox, count)
        self.fulls[inbox] += count

    @rule(sent=st.lists(INBOXES, max_size=5, unique=True), full=st.sets(st.integers(0, 4)))
    def send_to_group(self, sent: list[str], full: set[int]) -> None:
        addresses = [parse_channel(f"{inbox}1" if "!" in inbox else inbox) for inbox in sent]
        missed = [address for i, address in enumerate(addresses) if i in full]
        self.meters.count_group(addresses, missed)
        for address in addresses:
            if address in missed:
                self.fulls[address.inbox] += 1
            else:
                self.log.append((self.now, address.inbox, 1))

    @rule(seconds=st.floats(0, 5) | st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.meters.tick(self.now)

    @invariant()
    def totals_are_exact(self) -> None:
        counts: Counter[str] = Counter()
        for _, inbox, count in self.log:
            counts[inbox] += count
        assert self.meters.total == sum(counts.values())
        assert self.meters.total_full == sum(self.fulls.values())
        for inbox in ("chat", "work", "s.n1!", "s.n2!"):
            assert self.meters.counts.get(inbox, 0) == counts[inbox]
            assert self.meters.fulls.get(inbox, 0) == self.fulls[inbox]

    @invariant()
    def rates_are_not_above_what_was_sent(self) -> None:
        for inbox in (None, "chat", "s.n1!"):
            sent = sum(count for _, name, count in self.log if inbox in (None, name))
            rate = self.meters.rate(self.now, inbox)
            assert rate >= 0
            if self.now - START >= SAMPLE_INTERVAL:
                assert rate <= sent / SAMPLE_INTERVAL


MeterMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestMeters = MeterMachine.TestCase


@given(st.integers(1, 200), st.floats(0.05, 1.5), st.integers(15, 60))
def test_a_steady_stream_s_rate_is_its_rate(per_step: int, step: float, seconds: int) -> None:
    meters = Meters(START)
    now = START
    while now < START + seconds:
        now += step
        meters.count("chat", per_step)
        meters.tick(now)
    assert meters.rate(now) == pytest.approx(per_step / step, rel=0.2)
    assert meters.rate(now, "chat") == meters.rate(now)
    assert meters.rate(now, "other") == 0


@given(st.integers(1, 1000))
def test_the_rate_falls_to_nothing_within_the_window(count: int) -> None:
    meters = Meters(START)
    meters.count("chat", count)
    rates = [meters.rate(START + second) for second in range(1, 14)]
    assert rates[0] == count
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 0


def test_a_rate_at_the_first_instant_is_nothing() -> None:
    meters = Meters(START)
    meters.count("chat", 5)
    assert meters.rate(START) == 0


@given(st.integers(1, 7), st.integers(0, 3))
@settings(max_examples=20)
def test_totals_stay_exact_while_the_figures_of_old_inboxes_go(rounds: int, seed: int) -> None:
    meters = Meters(START)
    sent = full = 0
    for second in range(rounds):
        for n in range(1500):
            name = f"c{second}.{n}"
            meters.count(name, 1 + (n + seed) % 3)
            sent += 1 + (n + seed) % 3
            if n % 5 == seed:
                meters.count_full(name, 2)
                full += 2
        meters.tick(START + 2 * second + 2)
        assert (meters.total, meters.total_full) == (sent, full)
    assert len(meters.counts) <= 2000
    assert set(meters.fulls) <= set(meters.counts)


def test_the_rate_of_a_pruned_inbox_is_not_below_nothing() -> None:
    meters = Meters(START)
    meters.count("first", 500)
    meters.tick(START + 1)
    for n in range(3000):
        meters.count(f"c{n}", 1)
    meters.tick(START + 2)
    assert "first" not in meters.counts
    meters.count("first", 3)
    rates = [meters.rate(START + second, "first") for second in range(3, 20)]
    assert min(rates) >= 0


def test_the_samples_kept_are_bounded() -> None:
    meters = Meters(START)
    for n in range(10_000):
        meters.tick(START + n / 10)
    assert len(meters._samples) <= WINDOW / SAMPLE_INTERVAL + 2
