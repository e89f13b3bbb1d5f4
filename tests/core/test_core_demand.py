"""The demand for a normal channel: never more ahead of its readers than `prefetch`."""

from hypothesis import given
from hypothesis import strategies as st

from fairway.core.demand import Demand
from fairway.core.shares import share_of

SHARDS = ["a", "b", "c"]


class Workers:
    """A node with readers, shards full of messages, and what travels between them."""

    def __init__(self, shards: list[str], prefetch: int):
        self.demand = Demand(shards, prefetch)
        self.credit = dict.fromkeys(shards, 0)
        self.unread = 0

    def do(self, what: str, first: int, second: int) -> None:
        shard = SHARDS[first % len(self.credit)]
        if what == "take":
            self.take()
        elif what == "wait":
            self.wait(first)
        elif what == "renew":
            self.renew(shard)
        else:
            self.arrive(shard, second)

    def ask(self) -> None:
        for shard, credit, anew in self.demand.wanted():
            assert credit > 0
            self.credit[shard] = credit if anew else self.credit[shard] + credit

    def arrive(self, shard: str, count: int) -> None:
        count = min(count, self.credit[shard])
        self.credit[shard] -= count
        self.unread += count
        if count:
            self.demand.arrived(shard, count)

    def take(self) -> None:
        if self.unread:
            self.unread -= 1
            self.demand.taken(1)
        else:
            self.demand.starved()
        self.ask()

    def renew(self, shard: str) -> None:
        self.demand.renew(shard)
        self.ask()

    def lose(self, shard: str) -> None:
        self.credit[shard] = 0

    def wait(self, readers: int) -> None:
        self.demand.starved()
        self.demand.waiting = readers
        self.ask()


steps = st.lists(
    st.one_of(
        st.just(("take", 0, 0)),
        st.tuples(st.just("wait"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("renew"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("arrive"), st.integers(0, 2), st.integers(1, 200)),
    ),
    max_size=60,
)


@given(steps, st.integers(1, 50), st.integers(1, 3))
def test_never_more_ahead_than_readers_and_prefetch(
    history: list[tuple[str, int, int]], prefetch: int, count: int
) -> None:
    workers = Workers(SHARDS[:count], prefetch)
    most_waiting = 0
    for step in history:
        workers.do(*step)
        most_waiting = max(most_waiting, workers.demand.waiting)
        ahead = workers.unread + sum(workers.credit.values())
        # Every shard must have a credit for a reader to hear of its messages.
        assert ahead <= 2 * (most_waiting + prefetch) + count


@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 100))
def test_every_shard_hears_of_a_reader_that_waits(readers: int, count: int, prefetch: int) -> None:
    workers = Workers(SHARDS[:count], prefetch)
    workers.wait(readers)
    assert all(credit >= 1 for credit in workers.credit.values())
    for shard in SHARDS[:count]:
        workers.arrive(shard, 1)
        workers.take()
        workers.wait(readers)
        assert workers.credit[shard] >= 1


@given(steps, st.integers(1, 3))
def test_a_shard_that_forgot_hears_anew_of_a_reader_that_waits(
    history: list[tuple[str, int, int]], count: int
) -> None:
    workers = Workers(SHARDS[:count], 10)
    for step in history:
        workers.do(*step)
    while workers.unread:
        workers.take()
    workers.wait(1)
    for shard in SHARDS[:count]:
        workers.lose(shard)
        workers.renew(shard)  # it may have given something shortly before
        workers.renew(shard)
        assert workers.credit[shard] >= 1


def test_fast_readers_get_the_whole_prefetch_and_slow_ones_do_not() -> None:
    fast = Workers(["a"], 64)
    for _ in range(20):
        fast.wait(1)
        fast.arrive("a", 1000)
        while fast.unread:
            fast.take()
            fast.arrive("a", 0)
    fast.arrive("a", 1000)
    assert fast.unread >= 32

    slow = Workers(["a"], 64)
    slow.wait(1)
    slow.arrive("a", 1000)
    for _ in range(20):  # it takes one after the other and never finds nothing
        slow.take()
        slow.arrive("a", 1000)
    assert slow.unread <= 2


def test_a_demand_cools_when_nobody_receives() -> None:
    demand = Demand(["a"], 10)
    assert not demand.cool()
    assert demand.cool()
    demand.waiting = 1
    assert not demand.cool()
    demand.waiting = 0
    demand.taken(1)
    assert not demand.cool()
    assert demand.cool()


@given(
    st.text("abcxyz.-_", min_size=1, max_size=20),
    st.integers(1, 10_000),
    st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=9, unique=True),
)
def test_shares_of_all_shards_are_the_capacity(
    channel: str, capacity: int, shards: list[str]
) -> None:
    shares = [share_of(channel, capacity, shard, shards) for shard in shards]
    assert sum(shares) == capacity
    assert max(shares) - min(shares) <= 1
