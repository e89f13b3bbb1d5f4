"""Encrypted bodies: under the first key, read under any, refused under none."""

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from fairway.codec import Codec
from fairway.core.shared import SharedBody
from fairway.errors import ConfigurationError, MessageTooLarge, UndecodableMessage

MESSAGE = {"type": "chat.message", "text": "hello", "bytes": b"\0\xff"}
KEYS = st.text(min_size=1, max_size=40) | st.binary(min_size=1, max_size=40)


@given(st.lists(KEYS, min_size=1, max_size=3))
@settings(max_examples=30)
def test_what_is_encrypted_arrives_equal(keys) -> None:
    assert Codec(keys=keys).decode(Codec(keys=keys).encode(MESSAGE)) == MESSAGE


def test_the_body_does_not_show_its_content() -> None:
    codec = Codec(keys=["secret"])
    body = codec.encode(MESSAGE)
    assert b"hello" not in body
    assert body != codec.encode(MESSAGE)


def test_keys_can_be_rotated_without_a_pause() -> None:
    old, both, rotated, new = (
        Codec(keys=keys) for keys in (["old"], ["old", "new"], ["new", "old"], ["new"])
    )
    # The new key is made known everywhere, then used everywhere, then the old one forgotten.
    for writers, readers in (((old, both), (old, both)), ((both, rotated), (both, rotated)),
                             ((rotated, new), (rotated, new))):  # fmt: skip
        for writer in writers:
            for reader in readers:
                assert reader.decode(writer.encode(MESSAGE)) == MESSAGE
    with pytest.raises(UndecodableMessage):
        new.decode(old.encode(MESSAGE))


def test_text_and_bytes_of_one_password_are_one_key() -> None:
    assert Codec(keys=[b"pass"]).decode(Codec(keys=["pass"]).encode(MESSAGE)) == MESSAGE


@pytest.mark.parametrize("writer_keys", [[], ["other"], ["other", "another"]])
def test_a_body_under_another_key_or_none_is_undecodable(writer_keys) -> None:
    body = Codec(keys=writer_keys).encode(MESSAGE)
    with pytest.raises(UndecodableMessage, match="none of symmetric_encryption_keys opens it"):
        Codec(keys=["key"]).decode(body)


def test_a_reader_without_keys_finds_no_message() -> None:
    with pytest.raises(UndecodableMessage):
        Codec().decode(Codec(keys=["key"]).encode(MESSAGE))


@given(st.binary(max_size=80))
@settings(max_examples=50)
def test_any_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(UndecodableMessage):
        Codec(keys=["key"]).decode(body)


@given(st.data())
@settings(max_examples=50)
def test_a_changed_body_is_refused(data) -> None:
    codec = Codec(keys=["key"])
    body = bytearray(codec.encode(MESSAGE))
    # The last characters before the padding may stand for the same bytes.
    place = data.draw(st.integers(0, len(body) - 5))
    body[place] = ord("B" if body[place] == ord("A") else "A")
    with pytest.raises(UndecodableMessage):
        codec.decode(bytes(body))


def test_the_size_that_is_bounded_is_that_before_encryption() -> None:
    message = {"a": b"x" * 1000}
    size = len(Codec().encode(message))
    assert Codec(keys=["key"], max_size=size).encode(message)
    with pytest.raises(MessageTooLarge):
        Codec(keys=["key"], max_size=size - 1).encode(message)


def test_the_key_that_a_password_makes_is_fixed_for_all_releases() -> None:
    """Processes of two releases meet during a deploy: they must read each other."""
    body = Codec(keys=["pass"]).encode({"a": 1})
    key = b"10_w7o2juYBrGMh32_KbveULW9jk2tejpyUAD-uC6PE="  # urlsafe base64 of sha256("pass")
    assert Fernet(key).decrypt(body) == b"\x81\xa1a\x01"


@pytest.mark.parametrize("keys", ["secret", b"secret", "", b""])
def test_a_single_key_is_still_a_list(keys) -> None:
    with pytest.raises(ConfigurationError, match=r"a list of keys; write \[key\]"):
        Codec(keys=keys)


@pytest.mark.parametrize("key", ["", b"", None, 1, ["key"]])
def test_a_key_is_a_text_or_bytes(key) -> None:
    with pytest.raises(ConfigurationError, match="a key is a non-empty str or bytes"):
        Codec(keys=["good", key])


def test_what_one_reader_decrypted_is_not_there_for_one_without_the_key() -> None:
    ours, stranger = Codec(keys=["ours"]), Codec(keys=["theirs"])
    body = SharedBody(ours.encode(MESSAGE))
    for _ in range(2):
        assert ours.decode(body) == MESSAGE
        with pytest.raises(UndecodableMessage):
            stranger.decode(body)
