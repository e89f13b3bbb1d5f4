"""The layers that projects come from: what each option and each behaviour becomes here.

``fairway check-settings`` prints it, and docs/migrating.md has the same sentences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["same", "better", "different"]


@dataclass(frozen=True)
class Change:
    """``words``: what is so here. ``do``: what to do about it; empty where nothing is needed."""

    verdict: Verdict
    words: str
    do: str = ""


@dataclass(frozen=True)
class Peer:
    """A layer's class: what takes its place, and what changes with that."""

    path: str
    successor: str
    options: Mapping[str, Change]
    behaviours: Mapping[str, Change]
    #: What becomes of an option that isn't listed.
    other: Change


_NOT_THERE = Change("different", "an unknown option is an error that names it", "leave it out")

_PREFIX = Change("same", "stands before all keys")
_KEYS = Change(
    "same", "the same passwords, the first of which encrypts", "pip install 'fairway[crypto]'"
)
_EXPIRY = Change(
    "better", "each message expires by itself, also in a busy channel, by the server's clock"
)
_GROUP_EXPIRY = Change(
    "better",
    "the members of a process that died leave within 10 seconds (lease); None is as long as the "
    "member's process lives",
)
_CAPACITY = Change(
    "better",
    "of each channel: one slow consumer fills its own channel, not that of its whole process; "
    "what a group_send could not deliver is counted and logged",
)
_CHANNEL_CAPACITY = Change("same", "globs and compiled regexes, the first match wins")
_FORMAT = Change(
    "different",
    "'msgpack' and 'json' are taken, and messages travel as msgpack either way; another is an "
    "error",
    "leave a format of your own out",
)
_HOSTS = Change(
    "better",
    "every form is taken as it stands; on several servers nothing is lost, and one worker reads "
    "from all. An empty list, or a server that stands there twice, is an error; socket_timeout, "
    "decode_responses and protocol are the layer's to set",
)

# -- what all of them have in common ------------------------------------------------------------

_CANCELLED = Change("better", "loses nothing and keeps the order")
_LOOPS = Change(
    "better",
    "one layer object serves all threads and event loops; async_to_sync needs no connection of "
    "its own",
    "in plain code layer.blocking.group_send(…) is quicker still",
)
_TOO_LARGE = Change(
    "different",
    "a message over 1 MiB raises MessageTooLarge",
    "raise max_message_size if you send such",
)
_MESSAGES = Change(
    "different",
    "keys are str at every depth; what can't travel, or is no dict, is refused by send with a "
    "TypeError that names where in the message it stands; a tuple arrives as a list",
    "write str keys",
)
_ERRORS = Change(
    "same",
    "channels.exceptions.ChannelFull, TypeError and AssertionError catch what they caught; names "
    "may be as long, and have the same letters",
)
_APART = Change(
    "different",
    "processes with the old and with the new BACKEND don't hear each other, also on one server",
    "stop all, then start all: what waits at that moment is lost once",
)
_STATISTICS = Change(
    "better",
    "group_channels, global_statistics, channel_statistics and receive_many are there, for async "
    "and plain code",
)

_ON_REDIS: Mapping[str, Change] = {
    "a broken connection": Change(
        "better",
        "no consumer that waits sees it: the layer connects again, and reads on from where it had "
        "stopped; a send waits up to 5 seconds (patience) before it raises",
    ),
    "a server that lost its data": Change(
        "better", "memberships are back within 2 seconds (heartbeat)"
    ),
    "a deploy": _APART,
    "the server's version": Change("different", "Redis 6.2 or later, or Valkey", "upgrade Redis 5"),
    "the server's settings": Change(
        "different",
        "other commands are used, and any eviction deletes what is in use",
        "copy the ACL line of docs/redis.md if you have ACLs; maxmemory-policy noeviction",
    ),
}

CORE = Peer(
    path="channels_redis.core.RedisChannelLayer",
    successor="fairway.redis.RedisChannelLayer",
    options={
        "hosts": _HOSTS,
        "prefix": _PREFIX,
        "expiry": _EXPIRY,
        "group_expiry": _GROUP_EXPIRY,
        "capacity": _CAPACITY,
        "channel_capacity": _CHANNEL_CAPACITY,
        "symmetric_encryption_keys": _KEYS,
        "random_prefix_length": Change(
            "different", "taken, and without effect: equal messages are two anyway"
        ),
        "serializer_format": _FORMAT,
    },
    behaviours={
        "a cancelled receive": _CANCELLED,
        "idle consumers": Change("better", "wait for ever, with redis-py 5 to 8"),
        **_ON_REDIS,
        "async_to_sync, threads": _LOOPS,
        "a worker that dies": Change(
            "better",
            "what it had taken and not received goes to others; SIGTERM loses nothing",
        ),
        "messages": _MESSAGES,
        "large messages": _TOO_LARGE,
        "errors and names": _ERRORS,
        "more to ask": _STATISTICS,
        "close_pools(), connection(), …": Change(
            "different", "internals are not there", "write await layer.close()"
        ),
    },
    other=_NOT_THERE,
)

_IGNORED_THERE = "is ignored there, and heeded here"

PUBSUB = Peer(
    path="channels_redis.pubsub.RedisPubSubChannelLayer",
    successor="fairway.redis.RedisChannelLayer",
    options={
        "hosts": _HOSTS,
        "prefix": _PREFIX,
        "on_disconnect": Change("same", "a message of this type to every channel, once per break"),
        "on_reconnect": Change("same", "a message of this type to every channel, once per break"),
        "symmetric_encryption_keys": _KEYS,
        "serializer_format": _FORMAT,
        **{
            name: Change("different", _IGNORED_THERE, "see that you mean it")
            for name in ("expiry", "group_expiry", "capacity", "channel_capacity")
        },
        "random_prefix_length": Change("same", "without effect there and here"),
    },
    behaviours={
        "a cancelled receive": _CANCELLED,
        "a normal channel": Change(
            "better",
            "gives each message to one reader, not to all, and keeps it while nobody reads",
        ),
        "a slow consumer": Change(
            "different",
            "misses messages once its channel holds capacity (100) of them, which is counted; "
            "there its process's memory grows without a bound",
            "raise capacity for bursts",
        ),
        "group_add": Change("better", "takes a channel of another process, too"),
        **_ON_REDIS,
        "async_to_sync, threads": _LOOPS,
        "flush()": Change(
            "different",
            "empties the store for all processes; there it forgot what this process had",
            "write await layer.close() where you meant that",
        ),
        "messages": _MESSAGES,
        "large messages": _TOO_LARGE,
        "errors and names": _ERRORS,
        "more to ask": _STATISTICS,
    },
    other=Change(
        "different", "is ignored there; here an unknown option is an error", "leave it out"
    ),
)

_CONNECTION = Change(
    "different",
    "a layer uses an alias of DATABASES",
    "write 'alias', and these settings under that alias in DATABASES",
)

POSTGRES = Peer(
    path="channels_postgres.core.PostgresChannelLayer",
    successor="fairway.database.DatabaseChannelLayer",
    options={
        "prefix": Change(
            "different",
            "becomes part of table names: lower-case letters, digits and _, at most 24",
            "write another if yours has other letters",
        ),
        "expiry": _EXPIRY,
        "group_expiry": Change("different", "0 was no end", "write None for that"),
        "symmetric_encryption_keys": _KEYS,
        "PSYCOPG_OPTIONS": Change(
            "different", "there is no pool: a process has a few connections", "leave it out"
        ),
        **dict.fromkeys(
            ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS"), _CONNECTION
        ),
    },
    behaviours={
        "a process that starts": Change("better", "takes no message that is another's"),
        "a connection that breaks": Change(
            "better", "listens again, and reads on from where it had stopped; nothing comes twice"
        ),
        "a cancelled receive": _CANCELLED,
        "capacity": Change(
            "different",
            "a channel holds 100 unread messages, then send raises ChannelFull; there was no bound",
            "set capacity to what your bursts need",
        ),
        "tables": Change(
            "different",
            "its own, made on first use, none in migrations",
            "take channels_postgres out of INSTALLED_APPS and drop its tables; "
            "manage.py createchanneltables where the account may not create tables",
        ),
        "a pooler": Change(
            "better", "a pooler in transaction mode works, a little slower and without NOTIFY"
        ),
        "databases": Change("better", "SQLite, MySQL and MariaDB, too"),
        "a deploy": _APART,
        "async_to_sync, threads": _LOOPS,
        "messages": _MESSAGES,
        "large messages": _TOO_LARGE,
        "errors and names": _ERRORS,
        "more to ask": _STATISTICS,
    },
    other=_CONNECTION,
)

MEMORY = Peer(
    path="channels.layers.InMemoryChannelLayer",
    successor="fairway.memory.InMemoryChannelLayer",
    options={
        "expiry": Change("same", "unread messages are dropped after it; here that is counted"),
        "group_expiry": Change("better", "None is as long as the member's process lives"),
        "capacity": Change("same", "of each channel"),
        "channel_capacity": Change("better", "there, setting it raises an error at the first send"),
    },
    behaviours={
        "threads": Change("better", "all threads and event loops of the process reach one another"),
        "a cancelled receive": _CANCELLED,
        "memory": Change("better", "channels that nobody uses any more leave nothing behind"),
        "messages": Change(
            "different",
            "what Redis would refuse is refused here, too, and a tuple arrives as a list: a test "
            "that passes means that it works in production",
            "send bytes, str, int, float, bool, None, list and dict with str keys",
        ),
        "large messages": _TOO_LARGE,
        "layer.channels, layer.groups": Change(
            "different",
            "internals are not there",
            "ask group_channels and channel_statistics",
        ),
        "errors and names": _ERRORS,
        "more to ask": _STATISTICS,
        "several processes": Change(
            "same", "don't hear each other", "fairway.redis or fairway.database in production"
        ),
    },
    other=_NOT_THERE,
)

PEERS: Mapping[str, Peer] = {peer.path: peer for peer in (CORE, PUBSUB, POSTGRES, MEMORY)}
