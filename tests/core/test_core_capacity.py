"""Capacities: a default, and exceptions by glob or regex, of which the first match wins."""

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.core.capacity import Capacities
from fairway.errors import ConfigurationError
from fairway.names import parse_channel

LETTERS = "ab.-_"
PARTS = st.text(alphabet=LETTERS, min_size=1, max_size=6)
NODES = st.text(alphabet="ab19", min_size=1, max_size=4)
GLOBS = st.text(alphabet="ab.!*?", min_size=1, max_size=6)
REGEXES = st.sampled_from([r"a", r"b.*", r".*a$", r"^ab", r"[ab]\.", r".*!.*", r"a|b", r"a\.!b"])
PATTERNS = st.one_of(GLOBS, GLOBS.map(lambda glob: glob + "*"), REGEXES.map(re.compile))
EXCEPTIONS = st.dictionaries(PATTERNS, st.integers(1, 1000), max_size=6)


def matches(pattern, name: str) -> bool:
    if isinstance(pattern, str):
        return fnmatch.fnmatchcase(name, pattern)
    return pattern.match(name) is not None


def model(default, exceptions, *names):
    found = (
        capacity
        for pattern, capacity in exceptions.items()
        if any(matches(pattern, name) for name in names)
    )
    return next(found, default)


@given(st.integers(1, 1000), EXCEPTIONS, PARTS)
def test_the_first_match_wins(default, exceptions, name) -> None:
    capacities = Capacities(default, exceptions)
    for _ in range(2):  # the second time from the cache
        assert capacities.of(parse_channel(name)) == model(default, exceptions, name)


@given(st.integers(1, 1000), EXCEPTIONS, st.text(alphabet="ab", min_size=1), NODES, PARTS)
def test_process_specific_channels_match_with_their_node_and_without(
    default, exceptions, prefix, node, local
) -> None:
    name, without_node = f"{prefix}.{node}!{local}", f"{prefix}!{local}"
    expected = model(default, exceptions, name, without_node)
    assert Capacities(default, exceptions).of(parse_channel(name)) == expected


def test_globs_and_regexes_as_settings_have_them() -> None:
    capacities = Capacities(
        100, {"http.request": 200, "http.response!*": 10, re.compile(r"^websocket.send\!.+"): 20}
    )
    of = {
        name: capacities.of(parse_channel(name))
        for name in (
            "http.request",
            "http.request.more",
            "http.response.4fQ2z!1a",
            "websocket.send.4fQ2z!1a",
            "websocket.sending",
            "other",
        )
    }
    assert list(of.values()) == [200, 100, 10, 20, 100, 100], of


def test_a_glob_matches_the_whole_name_and_minds_case() -> None:
    capacities = Capacities(1, {"chat": 2, "Chat.*": 3})
    names = ("chat", "chats", "achat", "Chat.a", "chat.a")
    assert [capacities.of(parse_channel(name)) for name in names] == [2, 1, 1, 3, 1]


def test_a_node_of_many_channels_keeps_no_memory_of_them() -> None:
    capacities = Capacities(1, {"a*": 2})
    for n in range(5000):
        assert capacities.of(parse_channel(f"a{n}")) == 2
    assert capacities._cached.cache_info().currsize <= 4096


@pytest.mark.parametrize("value", [0, -1, 1.5, "100", None, True])
def test_a_capacity_is_a_whole_number_from_one(value) -> None:
    with pytest.raises(
        ConfigurationError, match=re.escape(f"capacity is {value!r}; it is a whole")
    ):
        Capacities(value)
    with pytest.raises(ConfigurationError, match=re.escape(f"channel_capacity['a'] is {value!r};")):
        Capacities(1, {"a": value})


@pytest.mark.parametrize("key", [1, None, ("a",), b"a", re.compile(b"a")])
def test_a_pattern_is_a_glob_or_a_regex_for_text(key) -> None:
    with pytest.raises(ConfigurationError, match=r"has the key .* or compiled regexes"):
        Capacities(1, {key: 1})
