"""Flow control, leases and fragments as values."""

from hypothesis import given
from hypothesis import strategies as st

from fairway.server.protocol.flow import Receipts, Window, pieces
from fairway.server.protocol.frames import Assembly, fragments
from fairway.server.protocol.leases import ROUNDS, Leases

SIZES = st.integers(1, 20)


@given(SIZES, st.lists(st.booleans(), max_size=200))
def test_sender_and_receiver_never_stall_nor_exceed_the_window(
    size: int, turns: list[bool]
) -> None:
    window, receipts = Window(size), Receipts(size)
    under_way: list[int] = []
    for sends in turns:
        if sends and window.is_open:
            under_way.append(window.take())
        elif under_way:
            receipts.done(under_way.pop(0))
            if receipts.is_due:
                acknowledgement = receipts.collect()
                assert acknowledgement is not None
                window.acknowledge(acknowledgement)
        assert len(under_way) <= window.under_way <= size
        # When everything sent is dealt with, the sender may send: nobody waits for ever.
        assert under_way or window.is_open


@given(SIZES, st.lists(st.integers(-5, 50), max_size=30))
def test_acknowledgements_may_repeat_come_late_or_lie(size: int, orders: list[int]) -> None:
    window = Window(size)
    for order in orders:
        if window.is_open:
            window.take()
        window.acknowledge(order)
        assert 0 <= window.under_way <= size


def test_receipts_owe_nothing_twice() -> None:
    receipts = Receipts(4)
    assert receipts.collect() is None
    receipts.done(3)
    assert [receipts.collect(), receipts.collect()] == [3, None]


@given(st.binary(max_size=100) | st.text(max_size=100), st.integers(1, 10))
def test_pieces_are_small_and_make_up_the_whole(content: str | bytes, size: int) -> None:
    parts = list(pieces(content, size))
    assert content[:0].join(part for part, _ in parts) == content
    assert all(len(part) <= size for part, _ in parts)
    assert [more for _, more in parts] == [True] * (len(parts) - 1) + [False]


@given(st.lists(st.binary(max_size=200_000) | st.text(max_size=70_000), max_size=4))
def test_frames_survive_fragmentation(contents: list[str | bytes]) -> None:
    assembly = Assembly()
    whole = []
    for content in contents:
        key = "text" if isinstance(content, str) else "bytes"
        for fragment in fragments({"type": "websocket.receive", key: content}):
            frame = assembly.add(fragment)
            if frame is not None:
                whole.append(frame)
    assert [next(iter(frame.values())) for frame in whole] == contents


def test_a_large_frame_travels_in_fragments() -> None:
    frame = {"type": "websocket.send", "text": None, "bytes": b"x" * 200_000}
    assert [len(part["bytes"]) for part in fragments(frame)] == [65536, 65536, 65536, 3392]


def test_members_are_lost_after_rounds_of_silence() -> None:
    leases = Leases()
    leases.join("silent", "a")
    leases.join("silent", "b")
    leases.join("alive", "c")
    for _ in range(ROUNDS):
        assert leases.round() == []
        leases.heard("alive")
    assert sorted(leases.round()) == ["a", "b"]
    assert leases.peers == ["alive"]


def test_a_peer_without_members_is_forgotten() -> None:
    leases = Leases()
    leases.join("peer", "a")
    leases.join("peer", "b")
    leases.leave("peer", "a")
    leases.leave("peer", "nobody")
    assert len(leases) == 1
    leases.leave("peer", "b")
    leases.leave("peer", "b")
    leases.heard("peer")
    assert (len(leases), leases.round()) == (0, [])
