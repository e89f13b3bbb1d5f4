"""Names: every one that the rules allow is taken, every other refused with a reason."""

import string

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fairway import names
from fairway.errors import FairwayError, InvalidName

ALLOWED = string.ascii_letters + string.digits + ".-_"
WORDS = st.text(alphabet=ALLOWED, min_size=1, max_size=100)
LONG = names.MAX_NAME_LENGTH


@given(WORDS)
@example("a" * LONG)
@example("." * LONG)
@example("-")
def test_normal_channels_and_groups(name: str) -> None:
    assert names.address_of(name) == (name, name, None)
    assert names.group_name(name) == name


@given(st.text(alphabet=ALLOWED, max_size=30), st.text(alphabet=ALLOWED.replace(".", "")), WORDS)
@example("specific", "4fQ2z", "1a")
@example("a.b", "", "1")
@example("", "n", "1.2")
def test_process_specific_channels_come_apart(prefix: str, node: str, local: str) -> None:
    name = f"{prefix}.{node}!{local}"
    assume(len(name) <= LONG)
    address = names.address_of(name)
    assert address == (name, f"{prefix}.{node}!", node)
    assert address.name == address.inbox + local


def test_a_prefix_may_be_the_node_itself() -> None:
    assert names.address_of("n!1") == ("n!1", "n!", "n")


def allowed(name: str) -> bool:
    """The rules, written another way than with a regex."""
    front, mark, local = name.partition("!")
    parts = [front, local] if mark else [front]
    return len(name) <= LONG and all(part and set(part) <= set(ALLOWED) for part in parts)


@given(st.text(max_size=8) | st.text(alphabet=ALLOWED + "!!\n é", max_size=110))
@example("")
@example("!")
@example("a!")
@example("!a")
@example("a!b!c")
@example("chat\n")
@example("chat\n\n")
@example("a!b\n")
@example("chat ")
@example("chät")
@example("chat\0")
@example("٣")  # a digit, but not of ASCII
@example("K")  # the Kelvin sign, which matches k where case is ignored
@example("a" * (LONG + 1))
@example("a" * 60 + "!" + "b" * 40)
def test_any_text_is_a_name_or_refused(name: str) -> None:
    for check, good in (
        (names.address_of, allowed(name)),
        (names.group_name, allowed(name) and "!" not in name),
    ):
        if good:
            check(name)
        else:
            with pytest.raises(InvalidName):
                check(name)


@pytest.mark.parametrize(
    "value", [None, 1, b"chat", ["chat"], {"a": 1}, ("a", "b"), object(), {1}, 1.5, True]
)
@pytest.mark.parametrize("check", [names.address_of, names.group_name])
def test_a_value_that_is_no_str_is_refused_whatever_it_is(check, value) -> None:
    with pytest.raises(InvalidName, match=f" is of type {type(value).__name__}: "):
        check(value)


def test_the_error_is_one_that_old_code_catches_and_names_the_name() -> None:
    with pytest.raises(TypeError, match=r"channel name 'a b' is not valid: it holds 1 to 100"):
        names.address_of("a b")
    with pytest.raises(FairwayError, match=r"group name 'a!b' is not valid"):
        names.group_name("a!b")
    with pytest.raises(InvalidName, match="a local part after its '!'"):
        names.address_of("specific.n!")


def test_the_error_for_a_long_name_is_short() -> None:
    with pytest.raises(InvalidName, match="channel name of 1000000 characters") as caught:
        names.address_of("x" * 1_000_000)
    assert len(str(caught.value)) < 300


class Channel(str):
    pass


def test_a_str_of_a_subclass_is_taken_as_the_plain_str() -> None:
    """Members of a str enum name channels in many projects; formatted, they give another text."""
    assert type(names.address_of(Channel("chat")).name) is str
    assert type(names.address_of(Channel("s.n!1")).inbox) is str
    assert type(names.group_name(Channel("room"))) is str
    assert names.address_of("chat") == names.address_of(Channel("chat"))


def test_names_seen_are_not_kept_without_end() -> None:
    for n in range(20_000):
        names.address_of(f"c{n}")
        names.group_name(f"g{n}")
    assert names.parse_channel.cache_info().currsize <= 16384
    assert names.check_group.cache_info().currsize <= 4096
