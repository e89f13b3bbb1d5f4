"""The codec: what travels arrives equal, all else is refused with the path to it."""

import collections
import dataclasses
import datetime
import decimal
import enum
import math
import subprocess
import sys
import uuid
from typing import Any

import ormsgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fairway.codec import MAX_MESSAGE_SIZE, Codec
from fairway.core.shared import SharedBody
from fairway.errors import FairwayError, InvalidMessage, MessageTooLarge, UndecodableMessage

CODEC = Codec()

#: Containers in one another, the message's own dict included, that can still be written.
DEEPEST = 255


def round_trip(message: Any) -> Any:
    return CODEC.decode(CODEC.encode(message))


class Text(str):
    pass


class Whole(int):
    pass


class Fraction(float):
    """As numpy.float64 is."""


class Octets(bytes):
    pass


class Row(list[Any]):
    pass


class Pair(tuple[Any, ...]):
    pass


class Record(dict[str, Any]):
    pass


class Colour(str, enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    LARGE = 3


class Weight(float, enum.Enum):
    HEAVY = 9.5


class Bare(enum.Enum):
    A = 1


@dataclasses.dataclass
class Card:
    suit: str = "hearts"


Point = collections.namedtuple("Point", "x y")

TEXT = st.text(max_size=8)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    TEXT,
    st.binary(max_size=8),
)


def nested(scalars: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> Any:
    def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        lists = st.lists(inner, max_size=4)
        return st.one_of(lists, lists.map(tuple), st.dictionaries(keys, inner, max_size=4))

    return st.recursive(scalars, containers, max_leaves=12)


PLAIN = st.dictionaries(TEXT, nested(SCALARS, TEXT), max_size=4)

# Values that travel as what they are at heart.
DRESSED = st.one_of(
    SCALARS,
    TEXT.map(Text),
    st.integers(-(2**63), 2**63).map(Whole),
    st.floats().map(Fraction),
    st.binary(max_size=8).map(Octets),
    st.binary(max_size=8).map(bytearray),
    st.binary(max_size=8).map(memoryview),
    st.binary(max_size=8).map(lambda data: memoryview(data)[::2]),
    st.lists(st.integers(0, 9)).map(Row),
    st.lists(st.integers(0, 9)).map(Pair),
    st.dictionaries(TEXT, st.integers(0, 9)).map(Record),
    st.dictionaries(TEXT, st.integers(0, 9)).map(collections.OrderedDict),
    st.sampled_from([Colour.RED, Size.LARGE, Weight.HEAVY, Point(1, 2)]),
)

# Values that do not travel.
REFUSED = st.sampled_from(
    [
        object(),
        {1, 2},
        frozenset(),
        1j,
        decimal.Decimal("1.5"),
        datetime.datetime(2024, 1, 1),
        datetime.date(2024, 1, 1),
        datetime.time(1),
        uuid.UUID(int=1),
        Card(),
        Bare.A,
        range(3),
        collections.deque([1]),
        collections.UserDict(a=1),
        {}.keys(),
        iter([]),
        len,
        str,
        ...,
        2**64,
        -(2**63) - 1,
        10**400,
        "\ud800",
        "text \udfff here",
        Text("\udc80"),
    ]
)


def plain(value: Any) -> Any:
    """`value` as it arrives: exact built-in types, tuples as lists."""
    for kind in (bool, str, float, int):
        if isinstance(value, kind):
            return value if kind is bool else getattr(kind, f"__{kind.__name__}__")(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    return value


def described(value: Any) -> Any:
    """A form of `value` in which equal means: of the same types, NaN and -0.0 included."""
    if isinstance(value, dict):
        return dict, [(described(key), described(item)) for key, item in value.items()]
    if isinstance(value, list):
        return list, [described(item) for item in value]
    if isinstance(value, float):
        return float, "nan" if math.isnan(value) else value.hex()
    return type(value), value


@given(PLAIN)
def test_what_travels_arrives_equal(message: dict[str, Any]) -> None:
    assert described(round_trip(message)) == described(plain(message))


@given(st.dictionaries(TEXT | TEXT.map(Text), nested(DRESSED, TEXT), max_size=4))
@example({"a": Fraction(1.5)})
@example({"a": Weight.HEAVY, "b": memoryview(b"abcdef")[::2]})
def test_subclasses_and_buffers_arrive_as_the_builtin_type(message: dict[str, Any]) -> None:
    assert described(round_trip(message)) == described(plain(message))


@given(PLAIN)
def test_encoding_changes_nothing_of_the_sender(message: dict[str, Any]) -> None:
    before = described(message), repr(message)
    CODEC.encode(message)
    assert (described(message), repr(message)) == before


@given(PLAIN)
def test_each_decode_gives_its_own_copy(message: dict[str, Any]) -> None:
    body = CODEC.encode(message)
    first = CODEC.decode(body)
    first.clear()
    assert described(CODEC.decode(body)) == described(plain(message))


STEPS = st.lists(TEXT | st.integers(0, 2), max_size=6)


def planted(steps: list[str | int], value: Any) -> tuple[Any, str]:
    """`value` at the end of a path of keys and indexes into a message, and that path."""
    path = "".join(f"[{step!r}]" for step in steps)
    for step in reversed(steps):
        value = {"": 0, step: value} if isinstance(step, str) else [None] * step + [value, 0]
    return value, path


@given(TEXT, STEPS, REFUSED)
def test_what_does_not_travel_is_refused_with_its_path(
    key: str, steps: list[str | int], value: Any
) -> None:
    message, path = planted([key, *steps], value)
    with pytest.raises(InvalidMessage) as caught:
        CODEC.encode(message)
    assert str(caught.value).startswith(f"message{path} is ")


@given(TEXT, STEPS, st.sampled_from([1, None, b"a", 1.5, (), True, Bare.A]))
def test_a_key_that_is_no_str_is_refused_with_its_path(
    name: str, steps: list[str | int], key: Any
) -> None:
    message, path = planted([name, *steps], {key: 1})
    with pytest.raises(InvalidMessage) as caught:
        CODEC.encode(message)
    expected = f"message{path} has a key of type {type(key).__name__}, {key!r}; keys are str"
    assert str(caught.value) == expected


@given(TEXT, STEPS)
def test_a_key_that_is_not_unicode_is_refused_with_its_path(
    name: str, steps: list[str | int]
) -> None:
    message, path = planted([name, *steps], {"\ud800": 1})
    with pytest.raises(InvalidMessage) as caught:
        CODEC.encode(message)
    assert str(caught.value).startswith(f"a key of message{path} is not Unicode text")


@pytest.mark.parametrize("message", [None, 1, "text", b"bytes", [], [("a", 1)], (), {1}, object()])
def test_a_message_is_a_dict(message: Any) -> None:
    with pytest.raises(InvalidMessage, match="a message is a dict, not "):
        CODEC.encode(message)


def test_the_error_does_not_repeat_a_large_payload() -> None:
    with pytest.raises(InvalidMessage) as caught:
        CODEC.encode("x" * 1_000_000)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 200


def in_lists(depth: int, leaf: Any) -> Any:
    for _ in range(depth):
        leaf = [leaf]
    return leaf


def in_dicts(depth: int, leaf: Any) -> Any:
    for _ in range(depth):
        leaf = {"a": leaf}
    return leaf


def in_tuples(depth: int, leaf: Any) -> Any:
    for _ in range(depth):
        leaf = (leaf,)
    return leaf


LEAVES = st.sampled_from([1, "a", b"b", None, [], {}, (), Fraction(2), Text("a"), memoryview(b"")])


@given(
    st.integers(0, 1200) | st.integers(DEEPEST - 5, DEEPEST + 5),
    st.sampled_from([in_lists, in_dicts, in_tuples]),
    LEAVES,
)
@example(DEEPEST - 1, in_dicts, Fraction(2))
@example(499, in_lists, Fraction(2))
@example(500, in_lists, 1)
@example(5000, in_dicts, 1)
def test_deep_nesting_is_refused_or_can_be_read(depth: int, wrap: Any, leaf: Any) -> None:
    containers = 1 + depth + isinstance(leaf, (list, dict, tuple))
    message = {"m": wrap(depth, leaf)}
    if containers <= DEEPEST:
        assert round_trip(message) == plain(message)
    else:
        with pytest.raises(InvalidMessage, match=r"^message\['m'\]\S*… is nested too deeply"):
            CODEC.encode(message)


def test_a_value_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidMessage, match="nested too deeply"):
        CODEC.encode({"a": endless})


def test_what_the_encoder_writes_nested_the_decoder_reads() -> None:
    """A body that only readers refuse would be lost after its sender heard that all is well."""
    deepest = max(depth for depth in range(1, 400) if packs(in_lists(depth, 1)))
    assert deepest == DEEPEST
    assert ormsgpack.unpackb(b"\x91" * (2 * deepest) + b"\x01") == in_lists(2 * deepest, 1)


def packs(value: Any) -> bool:
    try:
        return bool(ormsgpack.packb(value))
    except TypeError:
        return False


@given(st.integers(0, 127), st.binary(max_size=20))
def test_an_extension_value_arrives_as_its_bytes(tag: int, data: bytes) -> None:
    # The encoder lets ormsgpack.Ext through: so readers must make something of it.
    assert round_trip({"a": [ormsgpack.Ext(tag, data)]}) == {"a": [data]}


# -- sizes ---------------------------------------------------------------------------


@given(st.integers(1, 200), st.integers(0, 200))
def test_the_size_of_a_body_is_bounded_exactly(max_size: int, length: int) -> None:
    message = {"a": b"x" * length}
    size = len(ormsgpack.packb(message))
    codec = Codec(max_size=max_size)
    if size <= max_size:
        assert codec.decode(codec.encode(message)) == message
    else:
        with pytest.raises(MessageTooLarge, match=f"takes {size} bytes.* is {max_size}$"):
            codec.encode(message)


def test_a_megabyte_of_content_fits_the_default() -> None:
    message = {"type": "websocket.send", "bytes": bytes(1024 * 1024)}
    assert round_trip(message) == message
    with pytest.raises(MessageTooLarge):
        CODEC.encode({"bytes": bytes(MAX_MESSAGE_SIZE)})


# -- bytes that are no message -------------------------------------------------------


@given(st.binary(max_size=60))
@example(b"")
@example(b"\xc1")
@example(b"\xdd\xff\xff\xff\xff")  # a list of 4 thousand million items, says its head
@example(b"\xdf\xff\xff\xff\xff")
@example(b"\xc6\xff\xff\xff\xff")
@example(b"\x81\xa1a\xc7\x05\x01")
@example(b"\x91" * 2000 + b"\x01")
def test_any_bytes_are_a_message_or_undecodable(body: bytes) -> None:
    try:
        message = CODEC.decode(body)
    except UndecodableMessage:
        return
    assert type(message) is dict
    assert all(type(key) is str for key in message)


@given(PLAIN, st.data())
def test_a_body_cut_short_is_undecodable(message: dict[str, Any], data: st.DataObject) -> None:
    body = CODEC.encode(message)
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(UndecodableMessage):
        CODEC.decode(body[:cut])


@pytest.mark.parametrize("value", [1, "a", b"a", [], [{}], None, True, 1.5])
def test_msgpack_that_is_no_dict_is_undecodable(value: Any) -> None:
    with pytest.raises(UndecodableMessage, match=f"hold a {type(value).__name__}, not a message"):
        CODEC.decode(ormsgpack.packb(value))


@given(nested(DRESSED | REFUSED, TEXT | st.just("\ud800")))
def test_whatever_is_encoded_can_be_decoded(value: Any) -> None:
    try:
        body = CODEC.encode({"value": value})
    except FairwayError:
        return
    CODEC.decode(body)


def test_encryption_without_its_package_says_what_to_install() -> None:
    script = (
        "import sys\n"
        "sys.modules['cryptography'] = None\n"
        "from fairway.codec import Codec\n"
        "from fairway.errors import ConfigurationError\n"
        "try:\n"
        "    Codec(keys=['secret'])\n"
        "except ConfigurationError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "pip install 'fairway[crypto]'" in done.stdout


@given(st.dictionaries(st.text(), st.text() | st.integers(0, 9) | st.lists(st.integers(0, 9))))
def test_each_member_of_a_group_has_its_own_copy(message: dict[str, Any]) -> None:
    body = SharedBody(CODEC.encode(message))
    for _ in range(3):
        received = CODEC.decode(body)
        assert received == message
        for value in received.values():
            if isinstance(value, list):
                value.append("changed")
        received["changed"] = True


def test_a_shared_body_that_is_no_message() -> None:
    for _ in range(2):
        with pytest.raises(UndecodableMessage):
            CODEC.decode(SharedBody(b"\xc1"))
