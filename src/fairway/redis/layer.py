"""The contract over one Redis server or several."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from re import Pattern
from typing import Any

from ..codec import MAX_MESSAGE_SIZE
from ..engine import PACE_KEYS, Engine, EngineOptions, Pace
from ..errors import ConfigurationError
from ..layer import ChannelLayer
from ..options import check_count, check_known
from .feed import START
from .hosts import Host, named_dialers
from .keys import Keys
from .options import LinkOptions
from .shard import RedisShard

_OPTIONS = [
    "hosts", "prefix", "expiry", "group_expiry", "capacity", "channel_capacity",
    "symmetric_encryption_keys", "serializer_format", "random_prefix_length",
    "on_disconnect", "on_reconnect", "max_message_size", *PACE_KEYS,
]  # fmt: skip

#: Seconds a group is kept that no member renews; members renew it far more often.
_GROUP_KEPT = 86400.0

#: A callable that hears the shard's name, or the type of a message for all local channels.
Notice = Callable[[str], None] | str | None


class RedisChannelLayer(ChannelLayer):
    """A channel layer on Redis. Takes every option of channels_redis's layers.

    ``hosts``: servers, one or several (sharded). ``prefix``: stands before all keys.
    ``prefetch``: messages of a normal channel taken ahead of its readers.
    ``inbox_capacity``: unread batches that a process may leave at each server.
    ``heartbeat``, ``lease``: seconds between signs of life, and after the last one until
    a process counts as dead. ``patience``: seconds a call waits for a server that can't be
    reached. ``on_disconnect``, ``on_reconnect``: a callable, called once per blip with the
    server's name; or the type of a message that every channel of this process gets.
    ``serializer_format`` may be ``"msgpack"`` or ``"json"``, and ``random_prefix_length`` any
    number; neither changes what travels here. Other options: see :class:`ChannelLayer`.
    """

    store: Engine

    def __init__(
        self,
        hosts: Host | Sequence[Host] | None = None,
        prefix: str = "asgi",
        expiry: float = 60,
        group_expiry: float | None = 86400,
        capacity: int = 100,
        channel_capacity: Mapping[str | Pattern[str], int] | None = None,
        symmetric_encryption_keys: Sequence[str | bytes] | None = None,
        serializer_format: str = "msgpack",
        random_prefix_length: int = 12,
        on_disconnect: Notice = None,
        on_reconnect: Notice = None,
        *,
        max_message_size: int = MAX_MESSAGE_SIZE,
        prefetch: int = 250,
        inbox_capacity: int = 10_000,
        heartbeat: float = 2.0,
        lease: float = 10.0,
        patience: float = 5.0,
        **unknown: Any,
    ):
        check_known(unknown, _OPTIONS, type(self).__name__)
        if serializer_format not in ("msgpack", "json"):
            raise ConfigurationError(
                f"serializer_format is {serializer_format!r}; it is 'msgpack' or 'json', and "
                "messages travel as msgpack either way"
            )
        if not isinstance(prefix, str):
            raise ConfigurationError(f"prefix is {prefix!r}; it is a str")
        if random_prefix_length != 0:
            check_count("random_prefix_length", random_prefix_length)
        self.prefix = prefix
        self._dialers = named_dialers(hosts)
        self._pace = Pace(prefetch, inbox_capacity, heartbeat, lease, patience)
        self._on_disconnect = _check_notice("on_disconnect", on_disconnect)
        self._on_reconnect = _check_notice("on_reconnect", on_reconnect)
        super().__init__(
            expiry=expiry,
            group_expiry=group_expiry,
            capacity=capacity,
            channel_capacity=channel_capacity,
            max_message_size=max_message_size,
            symmetric_encryption_keys=symmetric_encryption_keys,
        )

    def _make_store(self, node: str) -> Engine:
        keys = Keys(self.prefix)
        link_options = LinkOptions(
            node=node,
            expiry=self.expiry,
            lease=self._pace.lease,
            group_kept=self._group_kept,
            inbox_capacity=self._pace.inbox_capacity,
        )
        shards = [
            RedisShard(name, dialer, keys, link_options) for name, dialer in self._dialers.items()
        ]
        return Engine(node, shards, self._engine_options(), time.monotonic, START)

    @property
    def _group_kept(self) -> float:
        return max(_GROUP_KEPT, self.group_expiry or 0)

    def _engine_options(self) -> EngineOptions:
        return replace(
            self._pace.options(self.expiry, self.group_expiry, self.capacities),
            renewal=self._group_kept / 4,
            on_disconnect=partial(_notify, weakref.ref(self), self._on_disconnect),
            on_reconnect=partial(_notify, weakref.ref(self), self._on_reconnect),
        )

    def tell_all(self, kind: str) -> None:
        """Put a message of this type into every channel of this process that somebody uses."""
        self.store.tell_all(self._codec.encode({"type": kind}))


def _notify(layer: weakref.ref[RedisChannelLayer], notice: Notice, shard: str) -> None:
    # By a weak reference, so that a layer that nobody has any more can end.
    teller = layer()
    if callable(notice):
        notice(shard)
    elif notice is not None and teller is not None:
        teller.tell_all(notice)


def _check_notice(key: str, notice: Any) -> Notice:
    if notice is None or isinstance(notice, str) or callable(notice):
        return notice  # type: ignore[no-any-return]
    raise ConfigurationError(
        f"{key} is {notice!r}; it is a callable, or the type of a message for all channels"
    )
