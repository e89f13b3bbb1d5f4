"""Memberships against a model: a dict of dicts with the end of each membership."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fairway.core.membership import FOR_EVER, Memberships
from fairway.names import parse_channel

NAMES = ["work", "chat", "s.n1!a", "s.n1!b", "t.n1!a", "s.n2!a"]
CHANNELS = st.sampled_from(NAMES)
GROUPS = st.sampled_from(["g", "h", "i"])
SPANS = st.floats(0.1, 20) | st.just(FOR_EVER)


class MembershipMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.memberships = Memberships()
        self.now = 0.0
        self.model: dict[str, dict[str, float]] = {}  # without those forgotten

    def remove(self, group: str, channel: str) -> None:
        self.model[group].pop(channel, None)
        if not self.model[group]:
            del self.model[group]

    @rule(group=GROUPS, channel=CHANNELS, span=SPANS)
    def add_or_renew(self, group: str, channel: str, span: float) -> None:
        alone = self.memberships.add(group, parse_channel(channel), self.now + span)
        self.model.setdefault(group, {})[channel] = self.now + span
        assert alone == (list(self.model[group]) == [channel])

    @rule(group=GROUPS, channel=CHANNELS)
    def discard(self, group: str, channel: str) -> None:
        known = group in self.model
        if known:
            self.remove(group, channel)
        emptied = self.memberships.discard(group, channel)
        assert emptied == (known and group not in self.model)

    @rule(node=st.sampled_from(["n1", "n2", "n3"]))
    def discard_node(self, node: str) -> None:
        self.memberships.discard_node(node)
        for group, members in list(self.model.items()):
            for channel in list(members):
                if f".{node}!" in channel:
                    self.remove(group, channel)

    @rule(seconds=st.floats(0, 15))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def expire(self) -> None:
        expected = {}
        for group, members in list(self.model.items()):
            gone = {channel for channel, until in members.items() if until <= self.now}
            for channel in gone:
                self.remove(group, channel)
            if gone:
                expected[group] = (gone, group not in self.model)
        ended = self.memberships.expire(self.now)
        assert len(ended) == len(expected)
        assert {group: ({a.name for a in gone}, empty) for group, gone, empty in ended} == expected

    @rule(gone=st.sets(GROUPS))
    def clear(self, gone: set[str]) -> None:
        self.memberships.clear(lambda group: group in gone)
        for group in gone:
            self.model.pop(group, None)

    @invariant()
    def members_are_those_that_have_not_ended(self) -> None:
        for group in ("g", "h", "i", "unknown"):
            expected = [c for c, end in self.model.get(group, {}).items() if end > self.now]
            addresses = self.memberships.members(group, self.now)
            assert sorted(address.name for address in addresses) == sorted(expected)
            assert all(address == parse_channel(address.name) for address in addresses)

    @invariant()
    def groups_without_a_channel_are_forgotten(self) -> None:
        assert sorted(self.memberships.groups()) == sorted(self.model)
        assert len(self.memberships) == len(self.model)

    @invariant()
    def all_lists_each_once(self) -> None:
        listed = [(group, address.name, until) for group, address, until in self.memberships.all()]
        model = [
            (g, name, until) for g, members in self.model.items() for name, until in members.items()
        ]
        assert sorted(listed) == sorted(model)


MembershipMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=30)
TestMemberships = MembershipMachine.TestCase


def test_a_membership_ends_at_its_end_and_not_before() -> None:
    memberships = Memberships()
    memberships.add("g", parse_channel("a"), 10.0)
    assert [a.name for a in memberships.members("g", 9.999)] == ["a"]
    assert memberships.members("g", 10.0) == []
    memberships.expire(9.999)
    assert memberships.groups() == ["g"]
    memberships.expire(10.0)
    assert memberships.groups() == []


def test_for_ever_does_not_end() -> None:
    memberships = Memberships()
    memberships.add("g", parse_channel("a"), FOR_EVER)
    memberships.expire(1e308)
    assert len(memberships.members("g", 1e308)) == 1


def test_the_list_of_members_is_the_callers_own() -> None:
    memberships = Memberships()
    memberships.add("g", parse_channel("a"), 10.0)
    memberships.members("g", 0).clear()
    assert len(memberships.members("g", 0)) == 1
