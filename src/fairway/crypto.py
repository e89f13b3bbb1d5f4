"""Encryption of message bodies: Fernet with rotation (needs the extra ``crypto``)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from .errors import ConfigurationError, UndecodableMessage


def ciphers(
    keys: Sequence[str | bytes],
) -> tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]:
    """``(encrypt, decrypt)`` for these passwords; the first encrypts, any decrypts."""
    if isinstance(keys, (str, bytes)):
        raise ConfigurationError(
            "symmetric_encryption_keys is a list of keys; write [key] for a single one"
        )
    fernet = MultiFernet([_fernet(key) for key in keys])

    def decrypt(token: bytes) -> bytes:
        try:
            return fernet.decrypt(token)
        except InvalidToken as error:
            raise UndecodableMessage("none of symmetric_encryption_keys opens it") from error

    return fernet.encrypt, decrypt


def _fernet(key: str | bytes) -> Fernet:
    """A password of any length becomes the 32 bytes that Fernet wants (as channels_redis does)."""
    if not isinstance(key, (str, bytes)) or not key:
        raise ConfigurationError(
            f"symmetric_encryption_keys holds a {type(key).__name__}; a key is a non-empty "
            "str or bytes"
        )
    secret = key.encode() if isinstance(key, str) else key
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(secret).digest()))
