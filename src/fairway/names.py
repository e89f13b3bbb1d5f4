"""Names of channels and groups: what is allowed, and what their parts mean.

A normal channel is ``letters.digits-and_marks``. A process-specific channel has
one ``!``: what stands before it ends in ``.<node>``, what follows is local to
that node, as in ``specific.4fQ2z!1a``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from .errors import InvalidName

#: Longest name, in characters (all are ASCII, so bytes too).
MAX_NAME_LENGTH = 100

_CHANNEL = re.compile(r"[A-Za-z0-9._-]+(?:!([A-Za-z0-9._-]*))?", re.ASCII)
_GROUP = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_RULE = f"it holds 1 to {MAX_NAME_LENGTH} ASCII letters, digits, hyphens, underscores and periods"


class Address(NamedTuple):
    """A channel's name taken apart."""

    name: str
    #: The stored queue it belongs to: the name itself, or the name up to and with ``!``.
    inbox: str
    #: The id of the node that made it; ``None`` for a normal channel.
    node: str | None


@lru_cache(maxsize=16384)
def parse_channel(name: str) -> Address:
    """Take a channel's name apart; :class:`InvalidName` says what is wrong with it."""
    match = _CHANNEL.fullmatch(name) if isinstance(name, str) else None
    if match is None or len(name) > MAX_NAME_LENGTH:
        raise _invalid("channel", name, f"{_RULE}, and one '!' in a process-specific channel")
    name = str.__str__(name)  # of a member of a str enum, say, which formats as another text
    if match[1] is None:
        return Address(name, name, None)
    if not match[1]:
        raise _invalid("channel", name, "a process-specific channel has a local part after its '!'")
    front = name[: -len(match[1]) - 1]
    return Address(name, front + "!", front.rpartition(".")[2])


@lru_cache(maxsize=4096)
def check_group(name: str) -> str:
    """Return ``name`` if it can name a group, else raise :class:`InvalidName`."""
    if not isinstance(name, str) or len(name) > MAX_NAME_LENGTH or not _GROUP.fullmatch(name):
        raise _invalid("group", name, _RULE)
    return str.__str__(name)


def address_of(name: str) -> Address:
    """:func:`parse_channel` for a value that may be of any type, hashable or not."""
    try:
        return parse_channel(name)
    except TypeError:
        if isinstance(name, str):
            raise
        raise _invalid("channel", name, "a name is a str") from None


def group_name(name: str) -> str:
    """:func:`check_group` for a value that may be of any type, hashable or not."""
    if not isinstance(name, str):
        raise _invalid("group", name, "a name is a str")
    return check_group(name)


def _invalid(kind: str, name: object, rule: str) -> InvalidName:
    if isinstance(name, str) and len(name) > MAX_NAME_LENGTH:
        return InvalidName(f"{kind} name of {len(name)} characters, {name[:40]!r}…: {rule}")
    if not isinstance(name, str):
        return InvalidName(f"{kind} name {name!r} is of type {type(name).__name__}: {rule}")
    return InvalidName(f"{kind} name {name!r} is not valid: {rule}")
