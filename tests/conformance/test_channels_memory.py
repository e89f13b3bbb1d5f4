"""The kit against Channels' own in-memory layer: a kit that nothing fails proves nothing."""

import math
from typing import Any

import channels.layers
import pytest
from channels.layers import InMemoryChannelLayer

from fairway.conformance import LayerHarness, all_cases, run_case

# Each with what the layer does instead.
BROKEN = {
    # It lacks receive_many, blocking, statistics, group_channels, and errors as attributes.
    "interface.extensions",
    "interface.error_attributes",
    "interface.group_channels",
    "receive_many.whichever_has_one",
    "receive_many.leaves_the_rest",
    "receive_many.woken",
    "receive_many.timeout",
    "receive_many.poll",
    "receive_many.seldom",
    "receive_many.timeout_leaves_nothing",
    "blocking.round_trip",
    "blocking.poll",
    "blocking.drained",
    "blocking.across",
    "blocking.groups",
    "blocking.errors",
    "blocking.flush_and_statistics",
    "blocking.flush_is_final",
    "blocking.many_threads",
    "statistics.keys",
    "statistics.count",
    "statistics.pending",
    "statistics.max_age",
    "statistics.full_count",
    "statistics.groups_and_channels",
    "statistics.bad_name",
    "never_twice.both_verbs",
    "never_lost.random_cancels_of_many",
    "order.no_starving",
    "groups.last_member_left",
    "groups.forgotten_channel",
    "group_expiry.not_listed",
    "names_and_sizes.bad_channels_beyond",
    "names_and_sizes.bad_groups_beyond",
    # Receives that wait during flush or close wait for ever.
    "interface.flush_keeps_receivers",
    "interface.closed_while_waiting",
    # A receive that is cancelled on an empty channel takes the channel from the others.
    "never_twice.cancelled_readers",
    # What it drops is not counted.
    "expiry.counted",
    "expiry.unknown_process",
    "capacity.group_drops_counted",
    # Expired messages fill their channel until somebody receives.
    "expiry.full_again",
    "expiry.room_again",
    # channel_capacity crashes.
    "capacity.by_glob",
    "capacity.by_regex",
    "capacity.first_match",
    # So does group_expiry=None.
    "group_expiry.never",
    # Any Python object travels, so tests against it pass where Redis would refuse.
    "isolation.tuples",
    "isolation.plain_str",
    "isolation.refused",
    "isolation.recursive_refused",
    "isolation.refused_without_members",
    "isolation.path_named",
    # It refuses by `assert`, which `python -O` removes.
    "isolation.not_a_dict",
    # Names: non-ASCII letters, a trailing newline and any prefix pass; 100 bytes don't.
    "names_and_sizes.bad_channels",
    "names_and_sizes.trailing_newline",
    "names_and_sizes.bad_prefix",
    "names_and_sizes.good_names",
    "names_and_sizes.validators",
    "names_and_sizes.name_shown",
    # It has no limit.
    "names_and_sizes.too_large",
    # Other threads' loops are not woken, or meet queues of a foreign loop.
    "threads_and_loops.woken_across",
    "threads_and_loops.many_threads",
    "threads_and_loops.channels_in_threads",
    "threads_and_loops.closed_loop",
    # Every process is the node "inmemory".
    "threads_and_loops.fork",
}

# One process, and one node in it.
NOT_APPLICABLE = {
    "interface.nodes_differ",
    "interface.foreign_receive",
    "statistics.from_second_node",
    "never_twice.two_nodes",
    "never_twice.closing_node",
    "order.from_other_node",
    "capacity.across_nodes",
    "capacity.of_node_that_closed",
    "capacity.specific_from_other_node",
    "capacity.slow_consumer_of_other_node",
    "groups.members_on_two_nodes",
    "groups.added_from_elsewhere",
    "groups.added_from_both",
    "groups.closing_node",
    "groups.store_lost",
    "groups.dead_process",
    "groups.dead_reader_counted",
    "groups.dead_stays_dead",
}


class SteppedClock:
    """Stands in for the `time` module of `channels.layers`: stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now


class ChannelsHarness(LayerHarness):
    """Steps the clock by whole seconds, as coarsely as this layer counts a group's age."""

    def __init__(self, clock: SteppedClock) -> None:
        super().__init__(InMemoryChannelLayer, patience=3, moment=1, lease=2, settle=0.3, seed=1)
        self.clock = clock

    async def let_pass(self, seconds: float) -> None:
        self.clock.now += math.ceil(seconds) + 1


def test_breaks_exactly_these(monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Any = SteppedClock()
    monkeypatch.setattr(channels.layers, "time", clock)
    names: dict[str, set[str]] = {"kept": set(), "broken": set(), "not applicable": set()}
    for case in all_cases():
        outcome = run_case(case, ChannelsHarness(clock))
        names[outcome.verdict].add(case.name)
        print(case.name, outcome.verdict, outcome.reason)
    assert names["broken"] == BROKEN
    assert names["not applicable"] == NOT_APPLICABLE
