"""From the ``hosts`` of a ``CONFIG`` to named servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import redis.asyncio as redis_asyncio
from redis.asyncio.connection import ConnectionPool

from ..errors import ConfigurationError
from .dialing import Dialer, PlainDialer, SentinelDialer

#: One entry of ``hosts``.
Host = str | Sequence[Any] | Mapping[str, Any]

_FORMS = (
    "a URL ('redis://host:6379/0', 'rediss://…', 'unix:///path'), a (host, port) pair, "
    "a dict of redis-py connection arguments, or a Sentinel dict "
    "({'sentinels': [(host, port), …], 'master_name': …})"
)
#: Replies are raw bytes parsed here; a reply may be long in coming, since reads block.
_OURS: dict[str, Any] = {"decode_responses": False, "protocol": 2, "socket_timeout": None}
#: Seconds to wait for a connection.
_CONNECT_TIMEOUT = 5.0


def named_dialers(hosts: Host | Sequence[Host] | None) -> dict[str, Dialer]:
    """A dialer for each host, by the name that sharding knows it by.

    A name is the entry's ``name``, or else made of its address and database. Raises
    :class:`ConfigurationError`.
    """
    entries = _entries(hosts)
    dialers: dict[str, Dialer] = {}
    for entry in entries:
        name, dialer = _dialer(entry)
        if name in dialers:
            raise ConfigurationError(
                f"hosts names {name!r} twice; each server stands there once, or the entries "
                "carry different 'name' keys"
            )
        dialers[name] = dialer
    return dialers


def _entries(hosts: Any) -> list[Any]:
    if hosts is None:
        return ["redis://localhost:6379"]
    if isinstance(hosts, (str, bytes)):
        raise ConfigurationError(f"hosts is {hosts!r}; it is a list, so write [{hosts!r}]")
    if not isinstance(hosts, Sequence) or not hosts:
        raise ConfigurationError(f"hosts is {hosts!r}; it is a list of one or more, each {_FORMS}")
    return list(hosts)


def _dialer(entry: Any) -> tuple[str, Dialer]:
    if isinstance(entry, str):
        return _from_url({"address": entry})
    if isinstance(entry, Mapping):
        return _from_mapping(dict(entry))
    if isinstance(entry, Sequence) and len(entry) == 2:
        host, port = entry
        return _from_arguments({"host": host, "port": port})
    raise ConfigurationError(f"hosts holds {entry!r}; an entry is {_FORMS}")


def _from_mapping(entry: dict[str, Any]) -> tuple[str, Dialer]:
    if "sentinels" in entry:
        return _from_sentinels(entry)
    if "address" in entry:
        return _from_url(entry)
    return _from_arguments(entry)


def _from_url(entry: dict[str, Any]) -> tuple[str, Dialer]:
    url, name = entry.pop("address"), entry.pop("name", None)
    if isinstance(url, Sequence) and not isinstance(url, str):
        host, port = url
        return _from_arguments({"host": host, "port": port, "name": name, **entry})
    try:
        pool = ConnectionPool.from_url(url, **_arguments(entry))
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"hosts holds {_without_password(url)!r}: {error}") from error
    return _named(name or _without_password(url), pool)


def _from_arguments(entry: dict[str, Any]) -> tuple[str, Dialer]:
    name = entry.pop("name", None)
    path = entry.pop("path", entry.pop("unix_socket_path", None))
    if path is not None:
        arguments = {"path": path, **_arguments(entry)}
        pool = ConnectionPool(
            connection_class=redis_asyncio.UnixDomainSocketConnection, **arguments
        )
        return _named(name or f"unix://{path}/{entry.get('db', 0)}", pool)
    host, port = entry.setdefault("host", "localhost"), entry.setdefault("port", 6379)
    if not isinstance(host, str) or isinstance(port, bool) or not isinstance(port, (int, str)):
        raise ConfigurationError(
            f"hosts holds the address ({host!r}, {port!r}); it is a name and a port number"
        )
    usual = redis_asyncio.SSLConnection if entry.pop("ssl", False) else redis_asyncio.Connection
    kind = entry.pop("connection_class", usual)
    try:
        pool = ConnectionPool(connection_class=kind, **_arguments(entry))
        pool.make_connection()
    except TypeError as error:
        raise ConfigurationError(
            f"hosts: redis-py does not take these arguments: {error}"
        ) from error
    return _named(name or f"{host}:{port}/{entry.get('db', 0)}", pool)


def _from_sentinels(entry: dict[str, Any]) -> tuple[str, Dialer]:
    sentinels, name = entry.pop("sentinels"), entry.pop("name", None)
    master = entry.pop("master_name", None)
    if not isinstance(master, str):
        raise ConfigurationError(
            f"hosts holds sentinels without a 'master_name' (it is {master!r}); it is the name "
            "that they watch the server under"
        )
    name = name or f"sentinel://{master}"
    addresses = [tuple(address) for address in sentinels]
    of_sentinels = entry.pop("sentinel_kwargs", None) or {}
    return name, SentinelDialer(name, master, addresses, of_sentinels, _arguments(entry))


def _named(name: str, pool: ConnectionPool) -> tuple[str, Dialer]:
    return name, PlainDialer(name, pool)


def _arguments(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"socket_connect_timeout": _CONNECT_TIMEOUT, **entry, **_OURS}


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
