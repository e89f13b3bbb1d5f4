"""The inbox against a model of lists: nothing lost, nothing twice, in order, within bounds."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from fairway.core.capacity import Capacities
from fairway.core.inbox import EXPIRED, OVER_CAPACITY, Full, Inbox, Parcel, Waiter
from fairway.names import parse_channel

EXPIRY = 10.0

NAMES = "abc"
CHANNELS = st.sampled_from(NAMES)
SETS = st.lists(CHANNELS, min_size=1, max_size=3)  # the same one twice is allowed


def number(parcel: Parcel) -> int:
    return int(parcel[1])


class InboxMachine(RuleBasedStateMachine):
    """Messages are numbered in the order of their sending, which every channel must keep."""

    taken = Bundle("taken")
    waiters = Bundle("waiters")

    def __init__(self) -> None:
        super().__init__()
        self.inbox = Inbox()
        self.now = 0.0
        self.sent = 0
        self.unread: dict[str, list[int]] = {channel: [] for channel in NAMES}
        self.channel_of: dict[int, str] = {}
        self.deadlines: dict[int, float] = {}
        self.line: list[Waiter] = []  # who waits, in order of arrival
        self.handed: dict[Waiter, int] = {}
        self.gone: set[Waiter] = set()  # dismissed
        self.held: set[int] = set()  # taken, and not yet used up or put back
        self.done: set[int] = set()
        self.missing: dict[str, list[int]] = {EXPIRED: [], OVER_CAPACITY: []}
        self.reported: dict[str, list[int]] = {EXPIRED: [], OVER_CAPACITY: []}

    # -- the model -----------------------------------------------------------------

    def expire(self, channel: str) -> list[int]:
        """What the model still has in `channel`, once what is too old left it."""
        old = [n for n in self.unread[channel] if self.deadlines[n] <= self.now]
        self.missing[EXPIRED] += old
        self.unread[channel] = [n for n in self.unread[channel] if n not in old]
        return self.unread[channel]

    def first_in_line(self, channel: str) -> Waiter | None:
        return next((waiter for waiter in self.line if channel in waiter.channels), None)

    def arrives(self, channel: str, n: int) -> list[Waiter]:
        """`n` comes into `channel` (back); whom the model hands it to."""
        waiter = self.first_in_line(channel)
        if waiter is None:
            self.unread[channel] = sorted([*self.unread[channel], n])
            return []
        self.line.remove(waiter)
        self.handed[waiter] = n
        return [waiter]

    # -- putting in ------------------------------------------------------------------

    @rule(channel=CHANNELS, limit=st.integers(1, 4))
    def put(self, channel: str, limit: int) -> None:
        self.now += 0.001
        parcel = self.new_parcel(channel)
        if self.first_in_line(channel) is None and len(self.expire(channel)) >= limit:
            with pytest.raises(Full):
                self.inbox.put(channel, parcel, limit, self.now)
            self.done.add(number(parcel))  # its sender knows
            return
        woken = self.inbox.put(channel, parcel, limit, self.now)
        assert ([] if woken is None else [woken]) == self.arrives(channel, number(parcel))
        self.check_handed()

    @rule(channel=CHANNELS)
    def drop(self, channel: str) -> None:
        parcel = self.new_parcel(channel)
        self.inbox.drop(OVER_CAPACITY, channel, [parcel])
        self.missing[OVER_CAPACITY].append(number(parcel))

    @rule(parcels=consumes(taken))
    def put_back(self, parcels: list[Parcel]) -> None:
        channel = self.channel_of[number(parcels[0])]
        woken = self.inbox.put_back(channel, parcels)
        self.held -= set(map(number, parcels))
        assert woken == [w for parcel in parcels for w in self.arrives(channel, number(parcel))]
        self.check_handed()

    @rule(parcels=consumes(taken))
    def use_up(self, parcels: list[Parcel]) -> None:
        self.held -= set(map(number, parcels))
        self.done |= set(map(number, parcels))

    # -- taking out ------------------------------------------------------------------

    @rule(target=taken, channel=CHANNELS)
    def take(self, channel: str) -> Any:
        expected = self.expire(channel)[:1]
        parcel = self.inbox.take(channel, self.now)
        return self.check_taken([] if parcel is None else [parcel], channel, expected)

    @rule(target=taken, channels=SETS)
    def take_any(self, channels: list[str]) -> Any:
        full = {channel for channel in channels if self.expire(channel)}
        taken = self.inbox.take_any(channels, self.now)
        if taken is None:
            assert not full
            return multiple()
        channel, parcel = taken
        assert channel in full
        return self.check_taken([parcel], channel, self.unread[channel][:1])

    @rule(target=taken, channel=CHANNELS)
    def take_all(self, channel: str) -> Any:
        self.sweep()  # else those that are too old are among them
        return self.check_taken(self.inbox.take_all(channel), channel, self.unread[channel])

    # -- waiting ---------------------------------------------------------------------

    @rule(target=waiters, channels=SETS)
    def enlist(self, channels: list[str]) -> Any:
        """As the contract has it: only where nothing is to be had at once."""
        if any(self.expire(channel) for channel in channels):
            return multiple()
        assert self.inbox.take_any(channels, self.now) is None
        waiter = Waiter(channels)
        self.inbox.enlist(waiter)
        self.line.append(waiter)
        return waiter

    @rule(waiter=consumes(waiters))
    def cancel(self, waiter: Waiter) -> None:
        heirs = self.inbox.forget(waiter)
        assert waiter.taken is None
        if waiter in self.gone:
            assert heirs == []
        elif waiter in self.line:
            self.line.remove(waiter)
            assert heirs == []
        else:
            n = self.handed.pop(waiter)
            assert heirs == self.arrives(self.channel_of[n], n)
            self.check_handed()

    @rule(waiter=consumes(waiters))
    def time_out_or_receive(self, waiter: Waiter) -> None:
        if waiter in self.line or waiter in self.gone:
            self.line = [other for other in self.line if other is not waiter]
            assert waiter.taken is None
        else:
            self.done.add(self.handed.pop(waiter))
            assert waiter.taken is not None
        self.inbox.withdraw(waiter)

    @rule()
    def dismiss(self) -> None:
        dismissed = self.inbox.dismiss()
        assert len(dismissed) == len(self.line)
        assert set(dismissed) == set(self.line)
        for waiter in dismissed:
            # Each of them leaves the bundle by giving up, as after an error.
            assert self.inbox.forget(waiter) == []
        self.gone |= set(self.line)
        self.line.clear()

    # -- time ------------------------------------------------------------------------

    @rule(seconds=st.floats(0, EXPIRY))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def sweep(self) -> None:
        self.inbox.sweep(self.now)
        for channel in self.unread:
            self.expire(channel)
            assert self.inbox.pending(channel) == len(self.unread[channel])
        assert dict(self.inbox.unread()) == {c: len(q) for c, q in self.unread.items() if q}
        contents = {c: list(map(number, parcels)) for c, parcels in self.inbox.parcels()}
        assert contents == {c: q for c, q in self.unread.items() if q}
        self.collect()
        assert self.reported == {cause: sorted(ns) for cause, ns in self.missing.items()}
        kept = {channel for waiter in self.line for channel in waiter.channels}
        kept |= {channel for channel, unread in self.unread.items() if unread}
        assert set(self.inbox.channels()) == kept
        assert set(self.inbox._queues) == kept, "empty queues stay in memory"

    @rule(rest=st.sampled_from([(0, 1), (0,), (1,)]))
    def clear(self, rest: tuple[int, ...]) -> None:
        """All of it, or every other message."""
        self.sweep()
        cleared = self.inbox.clear(lambda parcel: number(parcel) % 2 in rest)
        forgotten = {channel: [number(parcel) for parcel in gone] for channel, gone in cleared}
        gone = {c: [n for n in unread if n % 2 in rest] for c, unread in self.unread.items()}
        assert forgotten == {channel: numbers for channel, numbers in gone.items() if numbers}
        for channel, numbers in gone.items():
            self.done |= set(numbers)
            self.unread[channel] = [n for n in self.unread[channel] if n not in numbers]

    # -- what always holds -----------------------------------------------------------

    @invariant()
    def every_message_is_in_one_place(self) -> None:
        places = [
            *(n for unread in self.unread.values() for n in unread),
            *self.handed.values(),
            *self.held,
            *self.done,
            *self.missing[EXPIRED],
            *self.missing[OVER_CAPACITY],
        ]
        assert sorted(places) == list(range(self.sent))

    @invariant()
    def waiters_stand_where_they_wait(self) -> None:
        for channel in NAMES:
            line = [waiter for waiter in self.line if channel in waiter.channels]
            assert self.inbox.waiting(channel) == len(line)

    @invariant()
    def the_earliest_deadline_is_known(self) -> None:
        heads = [self.deadlines[unread[0]] for unread in self.unread.values() if unread]
        oldest = self.inbox.oldest()
        # One that is too old may still stand in front of it.
        assert oldest == min(heads, default=None) or (oldest is not None and oldest <= self.now)

    def teardown(self) -> None:
        self.now += 2 * EXPIRY
        self.sweep()
        assert self.inbox.oldest() is None

    # -- help ------------------------------------------------------------------------

    def new_parcel(self, channel: str) -> Parcel:
        n, self.sent = self.sent, self.sent + 1
        self.channel_of[n] = channel
        self.deadlines[n] = self.now + EXPIRY
        return (self.deadlines[n], b"%d" % n, None)

    def check_taken(self, got: list[Parcel], channel: str, expected: list[int]) -> Any:
        """What a rule gives to the bundle `taken`."""
        assert list(map(number, got)) == expected
        self.unread[channel] = [n for n in self.unread[channel] if n not in expected]
        self.held |= set(expected)
        return got if got else multiple()

    def check_handed(self) -> None:
        for waiter, n in self.handed.items():
            assert waiter.taken is not None
            channel, parcel = waiter.taken
            assert number(parcel) == n
            assert channel in waiter.channels

    def collect(self) -> None:
        for drop in self.inbox.collect_drops():
            self.reported[drop.cause] += map(number, drop.parcels)
            self.reported[drop.cause].sort()


InboxMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=40)
TestInbox = InboxMachine.TestCase


def parcel(n: int, deadline: float = 1e9) -> Parcel:
    return (deadline, b"%d" % n, None)


def fill(inbox: Inbox, channel: str, count: int) -> None:
    for n in range(count):
        assert inbox.put(channel, parcel(n, 1e9 + n), count, 0) is None


@pytest.mark.parametrize("apart", [0, 1])
def test_readers_that_give_up_in_any_order_leave_the_messages_in_order(apart: int) -> None:
    """Also where the messages arrived together, and so expire together."""
    for order in itertools.permutations(range(3)):
        inbox = Inbox()
        waiters = [Waiter(["a"]) for _ in range(3)]
        for waiter in waiters:
            inbox.enlist(waiter)
        for n in range(3):
            assert inbox.put("a", parcel(n, 1e9 + n * apart), 9, 0) is waiters[n]
        inbox.put("a", parcel(3, 1e9 + 3 * apart), 9, 0)
        for i in order:
            assert inbox.forget(waiters[i]) == []
        assert [number(p) for p in inbox.take_all("a")] == [0, 1, 2, 3], f"gave up as {order}"


def test_what_was_given_back_and_handed_on_keeps_its_place() -> None:
    inbox = Inbox()
    first, second, third = waiters = [Waiter(["a"]) for _ in range(3)]
    for waiter in waiters:
        inbox.enlist(waiter)
    for n in range(2):
        inbox.put("a", parcel(n), 9, 0)
    assert inbox.forget(first) == [third]
    for waiter in (second, third):
        assert inbox.forget(waiter) == []
    assert [number(p) for p in inbox.take_all("a")] == [0, 1]


def test_what_is_put_back_goes_in_front_of_messages_of_the_same_instant() -> None:
    inbox = Inbox()
    for n in range(3):
        inbox.put("a", parcel(n), 9, 0)
    first = inbox.take("a", 0)
    assert first is not None
    inbox.put_back("a", [first])
    assert [number(p) for p in inbox.take_all("a")] == [0, 1, 2]


@pytest.mark.parametrize("others", [0, 1, 2, 3])
def test_a_busy_channel_starves_no_quiet_one_whatever_the_rhythm_of_other_readers(
    others: int,
) -> None:
    for quiet in "abc":
        inbox = Inbox()
        inbox.put(quiet, parcel(-1), 9, 0)
        for n in range(200):
            for busy in set("abc") - {quiet}:
                inbox.put(busy, parcel(n), 1000, 0)
            for _ in range(others):
                inbox.take_any(["x", "y", "z"], 0)
            taken = inbox.take_any(["a", "b", "c"], 0)
            assert taken is not None
            if taken[0] == quiet:
                break
        else:
            pytest.fail(f"{quiet!r} was not read among 200 messages of its neighbours")


def test_channels_used_once_leave_nothing_behind() -> None:
    inbox = Inbox()
    for n in range(20_000):
        inbox.put(f"c{n}", parcel(n), 1, 0)
        assert inbox.take(f"c{n}", 0) is not None
        assert len(inbox._queues) <= 256
    waiter = Waiter([f"w{n}" for n in range(5_000)])
    inbox.enlist(waiter)
    inbox.withdraw(waiter)
    inbox.sweep(0)
    assert inbox._queues == {}


def test_cleaning_keeps_waiters_and_messages() -> None:
    inbox = Inbox()
    fill(inbox, "full", 3)
    waiter = Waiter(["wanted", *(f"x{n}" for n in range(1000))])
    inbox.enlist(waiter)
    for n in range(2000):
        inbox.put(f"c{n}", parcel(n), 1, 0)
        inbox.take(f"c{n}", 0)
    assert inbox.pending("full") == 3
    assert inbox.put("wanted", parcel(7), 1, 0) is waiter
    assert [inbox.waiting(channel) for channel in waiter.channels] == [0] * 1001


def test_the_oldest_of_some_channels_and_unknown_ones() -> None:
    inbox = Inbox()
    inbox.put("a", parcel(0, 5.0), 1, 0)
    inbox.put("b", parcel(1, 3.0), 1, 0)
    assert inbox.oldest() == 3.0
    assert inbox.oldest(["a", "nowhere"]) == 5.0
    assert inbox.oldest(["nowhere"]) is None
    assert inbox.take_all("nowhere") == []
    assert inbox.pending("nowhere") == inbox.waiting("nowhere") == 0


def test_a_message_is_too_old_at_its_deadline_and_not_before() -> None:
    inbox = Inbox()
    inbox.put("a", parcel(0, 5.0), 1, 0)
    inbox.put("b", parcel(1, 5.0), 1, 0)
    assert inbox.take("a", 4.999) is not None
    assert inbox.take("b", 5.0) is None
    assert [(d.cause, d.channel, d.parcels) for d in inbox.collect_drops()] == [
        (EXPIRED, "b", [parcel(1, 5.0)])
    ]
    assert inbox.collect_drops() == []


@given(st.data(), st.lists(st.tuples(CHANNELS, st.integers(0, 3), st.booleans()), max_size=3))
def test_putting_one_message_into_many_channels_is_as_putting_it_into_each(
    data: st.DataObject, states: list[tuple[str, int, bool]]
) -> None:
    """Some of the channels hold messages, some too old ones, some have a waiter."""
    together, apart = Inbox(), Inbox()
    waiters: dict[Waiter, str] = {}
    for inbox in (together, apart):
        for channel, count, old in {state[0]: state for state in states}.values():
            for n in range(count):
                inbox.put(channel, parcel(n, 5.0 if old else 50.0), 9, 0)
            if not count:
                inbox.enlist(waiter := Waiter([channel, f"other {channel}"]))
                waiters[waiter] = channel
    addresses = [parse_channel(name) for name in data.draw(st.permutations(NAMES))]
    exceptions = data.draw(st.dictionaries(st.sampled_from(NAMES), st.integers(1, 3)))
    capacities = Capacities(data.draw(st.integers(1, 3)), exceptions)
    new = parcel(9, 60.0)

    woken, full = together.put_for_each(addresses, new, capacities, 10.0)

    expected_woken, expected_full = [], []
    for address in addresses:
        try:
            waiter = apart.put(address.name, new, capacities.of(address), 10.0)
        except Full:
            apart.drop(OVER_CAPACITY, address.name, [new])
            expected_full.append(address)
        else:
            expected_woken += [] if waiter is None else [waiter]
    assert [waiters[waiter] for waiter in woken] == [waiters[waiter] for waiter in expected_woken]
    assert all(waiter.taken == (waiters[waiter], new) for waiter in woken)
    assert full == expected_full
    assert together.collect_drops() == apart.collect_drops()
    for channel in NAMES:
        assert together.take_all(channel) == apart.take_all(channel)
        assert together.waiting(channel) == apart.waiting(channel)
