"""The ring: every process agrees, names spread evenly, few move when a shard is added."""

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.core.ring import Ring
from fairway.errors import ConfigurationError

SHARDS = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=8, unique=True)
NAMES = st.lists(st.text(alphabet="abcXYZ019.-_!", min_size=1, max_size=30), max_size=30)


@given(SHARDS, NAMES, st.randoms(use_true_random=False))
def test_the_order_of_the_shards_decides_nothing(shards, names, random) -> None:
    shuffled = random.sample(shards, len(shards))
    one, other = Ring(shards), Ring(shuffled)
    assert [one.shard_of(name) for name in names] == [other.shard_of(name) for name in names]
    assert one == other
    assert hash(one) == hash(other)


@given(SHARDS, NAMES, st.text(min_size=1, max_size=12))
def test_an_added_shard_takes_names_and_moves_no_other(shards, names, added) -> None:
    if added in shards:
        return
    before, after = Ring(shards), Ring([*shards, added])
    for name in names:
        assert after.shard_of(name) in (before.shard_of(name), added)


@given(SHARDS, NAMES)
def test_the_answer_is_a_shard_and_stays(shards, names) -> None:
    ring = Ring(shards)
    first = [ring.shard_of(name) for name in names]
    assert set(first) <= set(shards)
    assert [ring.shard_of(name) for name in names] == first


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_names_spread_evenly_and_a_new_shard_gets_its_share(count: int) -> None:
    names = [f"specific.4fQ2z!{n:x}" for n in range(10_000)]
    shards = [f"redis://10.0.0.{n}:6379/0" for n in range(count)]
    ring, grown = Ring(shards), Ring([*shards, "redis://10.0.1.1:6379/0"])
    held = Counter(ring.shard_of(name) for name in names)
    assert len(held) == count
    # Chi squared with up to 7 degrees of freedom is below 30 but once in ten thousand rings,
    # and the names are the same every time.
    expected = len(names) / count
    assert sum((got - expected) ** 2 / expected for got in held.values()) < 30
    moved = sum(ring.shard_of(name) != grown.shard_of(name) for name in names)
    share = len(names) / (count + 1)
    assert share * 0.9 < moved < share * 1.1


def test_processes_with_another_hash_seed_agree() -> None:
    names = [f"chat.{n}" for n in range(200)]
    script = (
        "from fairway.core.ring import Ring\n"
        "ring = Ring(['c', 'a', 'b'])\n"
        "print(*(ring.shard_of(f'chat.{n}') for n in range(200)))\n"
    )
    ring = Ring(["a", "b", "c"])
    expected = [ring.shard_of(name) for name in names]
    for seed in ("1", "4321"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == expected


def test_where_a_name_lives_is_fixed_for_all_releases() -> None:
    """Processes of two releases meet during a deploy: they must agree."""
    ring = Ring(["a", "b", "c"])
    homes = {name: ring.shard_of(name) for name in ("chat", "room.1", "x.1!", "x.1!2")}
    assert homes == {"chat": "b", "room.1": "a", "x.1!": "b", "x.1!2": "a"}


def test_a_ring_has_shards_of_different_names() -> None:
    with pytest.raises(ConfigurationError, match="at least one shard"):
        Ring([])
    with pytest.raises(ConfigurationError, match="two shards have the same name"):
        Ring(["a", "b", "a"])


def test_rings_compare_by_their_shards() -> None:
    assert Ring(["a"]) != Ring(["b"])
    assert Ring(["a"]) != ("a",)
    assert repr(Ring(["b", "a"])) == "Ring(a, b)"
