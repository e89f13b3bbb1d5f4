"""Messages to bytes and back: msgpack, strict about types, optionally encrypted.

Every store uses this codec, memory included, so what one backend refuses or
converts, every backend does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from reprlib import repr as abridged
from typing import Any

import ormsgpack

from .core.shared import SharedBody
from .errors import ConfigurationError, InvalidMessage, MessageTooLarge, UndecodableMessage
from .types import Message, Sendable

#: Default for the largest encoded message, in bytes: 1 MiB of content and its frame.
MAX_MESSAGE_SIZE = 1024 * 1024 + 64 * 1024

_STRICT = (
    ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
_TRAVELS = "bytes, str, int, float, bool, None, list, dict"
#: Containers in one another, the message's own dict included, that the encoder writes.
#: The decoder reads more, so nothing that was sent is too deep for its reader.
_MAX_DEPTH = 255
_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1

_UNCHANGING = (str, bytes, int, float, bool, type(None))

_packb = ormsgpack.packb
_unpackb = ormsgpack.unpackb


class Codec:
    """Encodes and decodes the bodies of messages. Stateless, so any thread may share it.

    ``max_size`` bounds an encoded body, in bytes. ``keys`` are passwords: bodies are
    encrypted under the first and read under any, so that keys can be rotated.
    """

    def __init__(self, *, max_size: int = MAX_MESSAGE_SIZE, keys: Sequence[str | bytes] = ()):
        self.max_size = max_size
        self._encrypt: _Cipher | None = None
        self._decrypt: _Cipher | None = None
        if keys or isinstance(keys, (str, bytes)):  # an empty key is no wish for none
            self._encrypt, self._decrypt = _ciphers(keys)

    def encode(self, message: Sendable) -> bytes:
        """The bytes of ``message``.

        Raises :class:`InvalidMessage` naming the path to the value that cannot
        travel, :class:`MessageTooLarge` where the result exceeds ``max_size``.
        """
        if not isinstance(message, dict):
            raise InvalidMessage(
                f"a message is a dict, not {type(message).__name__}: {abridged(message)}"
            )
        try:
            body = _packb(message, None, _STRICT)
        except (TypeError, ValueError):
            body = _packb(_plain(message, "message", 0), None, _STRICT)
        if len(body) > self.max_size:
            raise MessageTooLarge(
                f"the message takes {len(body):,} bytes; this layer's max_message_size is "
                f"{self.max_size:,}"
            )
        return self._encrypt(body) if self._encrypt else body

    def decode(self, body: bytes) -> Message:
        """The message in ``body``, a fresh copy; :class:`UndecodableMessage` if there is none."""
        if type(body) is SharedBody:
            if body.reader is self and body.message:
                return body.message.copy()  # type: ignore[union-attr]
            return self._decode_shared(body)
        if self._decrypt:
            body = self._decrypt(body)
        try:
            message = _unpackb(body, ext_hook=_extension)
        except (TypeError, ValueError) as error:
            raise UndecodableMessage(f"{len(body)} bytes are not msgpack: {error}") from error
        if type(message) is not dict:
            raise UndecodableMessage(f"the bytes hold a {type(message).__name__}, not a message")
        return message

    def _decode_shared(self, body: SharedBody) -> Message:
        """Decoding, and decrypting, is worth doing once for all; copying is cheaper."""
        message = self.decode(bytes(body))
        if body.message is None:
            is_flat = all(type(value) in _UNCHANGING for value in message.values())
            body.reader, body.message = self, message.copy() if is_flat else False
        return message


def _extension(_tag: int, data: bytes) -> bytes:
    """An ``ormsgpack.Ext``, which the encoder lets through, arrives as its bytes."""
    return data


def _plain(value: Any, path: str, depth: int) -> Any:
    """``value`` made of exact built-in types, or InvalidMessage with the path to what is not.

    Only met by what the fast encoder refuses: enum members and subclasses that are
    still a str, an int, a float or bytes travel as those; all else is refused.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, str):
        return _plain_str(value, path)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, int):
        return _plain_int(value, path)
    if depth == _MAX_DEPTH and isinstance(value, (list, tuple, dict)):
        raise InvalidMessage(f"{path[:60]}… is nested too deeply (over {_MAX_DEPTH} levels)")
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)]
    if isinstance(value, dict):
        return {
            _plain_key(key, path): _plain(item, f"{path}[{key!r}]", depth + 1)
            for key, item in value.items()
        }
    raise InvalidMessage(f"{path} is of type {type(value).__name__}; what travels is {_TRAVELS}")


def _plain_str(value: str, path: str) -> str:
    text = str.__str__(value)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidMessage(f"{path} is not Unicode text: {error}") from error
    return text


def _plain_int(value: int, path: str) -> int:
    if not _MIN_INT <= value <= _MAX_INT:
        raise InvalidMessage(f"{path} is an int beyond 64 bits ({value.bit_length()} bits)")
    return int(value)


def _plain_key(key: Any, path: str) -> str:
    if not isinstance(key, str):
        raise InvalidMessage(
            f"{path} has a key of type {type(key).__name__}, {key!r}; keys are str"
        )
    return _plain_str(key, f"a key of {path}")


_Cipher = Callable[[bytes], bytes]


def _ciphers(keys: Sequence[str | bytes]) -> tuple[_Cipher, _Cipher]:
    try:
        from .crypto import ciphers
    except ImportError as error:
        raise ConfigurationError(
            "symmetric_encryption_keys needs the cryptography package: "
            "pip install 'fairway[crypto]'"
        ) from error
    return ciphers(keys)
