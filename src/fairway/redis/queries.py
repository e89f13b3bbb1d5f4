"""The questions that the engine puts to a shard, in Redis's terms."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from ..core.envelope import ECHO, FLUSH, stamped
from ..engine.figures import ShardFigures
from ..names import Address
from .connection import RedisConnection
from .conversation import Argument
from .keys import Keys
from .options import LinkOptions

#: How long an idle channel's figures are kept, and of how many channels.
_FIGURES_KEPT_MS = 86_400_000
_FIGURES_KEPT = 1000

_CAUSES = ("expired", "over_capacity", "reader_died", "undecodable")


class RedisQueries:
    """One method for each verb. All raise :class:`StoreUnavailable`."""

    def __init__(self, connection: RedisConnection, keys: Keys, options: LinkOptions):
        self._connection = connection
        self._keys = keys
        self._options = options
        self._verbs: dict[str, Callable[..., Coroutine[Any, Any, Any]]] = {
            "heartbeat": self.heartbeat,
            "survey": self.survey,
            "count_drops": self.count_drops,
            "tidy": self.tidy,
            "undealt": self.undealt,
            "bury": self.bury,
            "deal": self.deal,
            "echo": self.echo,
            "fill": self.fill,
            "resync": self.resync,
            "leave_store": self.leave_store,
            "group_channels": self.group_channels,
            "statistics": self.statistics,
            "flush": self.flush,
        }

    def answer(self, verb: str, arguments: Sequence[Any]) -> Coroutine[Any, Any, Any]:
        """The answer to a question of the engine's."""
        return self._verbs[verb](*arguments)

    # -- the node's life ----------------------------------------------------------------

    async def heartbeat(
        self, of_groups: int, news: Mapping[str, int]
    ) -> tuple[bool, int, list[str], list[str]]:
        """Renew the lease: was it there, the time, dead nodes, channels to tidy."""
        keys, options = self._keys, self._options
        known, now_ms, dead, due = await self._script(
            "heartbeat",
            [keys.nodes, *keys.node_keys(options.node), keys.stats, keys.known],
            [options.node, options.lease_ms, of_groups, *_pairs(news)],
        )
        return bool(known), now_ms, _texts(dead), _texts(due)

    async def survey(self) -> tuple[list[str], list[str]]:
        """Dead nodes, and channels to tidy."""
        keys = self._keys
        dead, due = await self._script(
            "survey", [keys.nodes, keys.known, keys.stats], [self._options.lease_ms]
        )
        return _texts(dead), _texts(due)

    async def count_drops(self, news: Mapping[str, int]) -> None:
        """Add to the store's counters of drops."""
        for cause, number in news.items():
            await self._connection.ask("HINCRBY", self._keys.stats, f"d:{cause}", number)

    async def tidy(self, channels: Sequence[str]) -> None:
        """Drop expired messages of these normal channels."""
        keys = self._keys
        await self._script(
            "tidy",
            [keys.stats, keys.known, *map(keys.queue, channels)],
            [self._options.expiry_ms, _FIGURES_KEPT_MS, _FIGURES_KEPT, *channels],
        )

    async def undealt(self, node: str) -> list[str]:
        """Normal channels of which a dead node was dealt messages that it never read."""
        return _texts(await self._script("undealt", [self._keys.inbox(node)], []))

    async def bury(self, node: str, channels: Sequence[str]) -> None:
        """Forget a node whose lease lapsed."""
        await self._script(
            "bury",
            self._burial_keys(node, channels),
            [node, 0, self._options.expiry_ms, "", len(channels), *channels],
        )

    async def leave_store(
        self, cursor: bytes, returned: Mapping[str, Sequence[tuple[int, bytes]]]
    ) -> None:
        """Forget this node, and return what it took of normal channels."""
        node = self._options.node
        values: list[Argument] = []
        for parcels in returned.values():
            values.append(len(parcels))
            values += [stamped(sent_ms, body) for sent_ms, body in parcels]
        await self._script(
            "bury",
            self._burial_keys(node, list(returned)),
            [node, 1, self._options.expiry_ms, cursor, len(returned), *returned, *values],
        )

    async def deal(self, channel: str) -> None:
        """Deal what came back to a channel to whoever waits for some."""
        keys = self._keys
        nodes: list[str] = []
        while missing := await self._script(
            "want",
            [*keys.queue_keys(channel), *(key for node in nodes for key in keys.node_keys(node))],
            [channel, self._options.expiry_ms, self._options.lease_ms, 0, 0, len(nodes), *nodes],
        ):
            nodes = _texts(missing)

    async def echo(self, token: str) -> None:
        """Write a token into this node's inbox, behind all that is there."""
        inbox = self._keys.inbox(self._options.node)
        await self._connection.ask("XADD", inbox, "*", f"{ECHO}{token}", "")
        await self._connection.ask("PEXPIRE", inbox, _FIGURES_KEPT_MS)  # nobody may read it ever

    async def fill(self, channel: str, number: int) -> None:
        """Count messages of groups, which fill a channel of this node, as others."""
        counts = self._keys.counts(self._options.node)
        await self._connection.ask("HINCRBY", counts, channel, number)
        await self._connection.ask("PEXPIRE", counts, _FIGURES_KEPT_MS)  # it may end any time

    async def resync(self, cursor: bytes, unread: Mapping[str, int]) -> None:
        """Say what waits in this node, after acknowledgements may have been lost."""
        keys, node = self._keys, self._options.node
        await self._script(
            "resync",
            [*keys.node_keys(node), keys.unread],
            [cursor, *_pairs({_count_field(name): number for name, number in unread.items()})],
        )

    def _burial_keys(self, node: str, channels: Sequence[str]) -> list[str]:
        keys = self._keys
        of_channels = [key(name) for name in channels for key in (keys.queue, keys.want)]
        return [
            keys.nodes, *keys.node_keys(node), keys.unread, keys.stats, keys.known, *of_channels,
        ]  # fmt: skip

    # -- what users ask -------------------------------------------------------------------

    async def group_channels(self, group: str) -> list[str]:
        """The channels of a group."""
        keys = self._keys
        return _texts(await self._script("group_channels", [keys.names(group), keys.nodes], []))

    async def statistics(self, address: Address | None) -> ShardFigures:
        """Figures of the shard, or of one channel at it."""
        keys = self._keys
        now, flat, sample, known, nodes, groups = await self._script(
            "statistics", [keys.stats, keys.known, keys.nodes, keys.sample, keys.groups], []
        )
        stats = {name.decode(): int(number) for name, number in _items(flat)}
        drops = {cause: stats.get(f"d:{cause}", 0) for cause in _CAUSES}
        if address is not None:
            return await self._channel_figures(address, now, stats, drops)
        pending, oldest = await self._pending(_texts(known), _texts(nodes))
        total = _total(stats, "m:")
        return {
            "messages_count": total,
            "messages_count_per_second": _rate(sample, now, total),
            "messages_pending": sum(pending.values()),
            "messages_max_age": max(0, now - oldest) / 1000 if oldest else 0.0,
            "channel_full_count": _total(stats, "f:"),
            "drops": drops,
            "groups": groups,
            "channels": sum(1 for number in pending.values() if number),
            "waiting": [name for name, number in pending.items() if number and "!" not in name],
        }

    async def _channel_figures(
        self, address: Address, now: int, stats: Mapping[str, int], drops: dict[str, int]
    ) -> ShardFigures:
        inbox = address.name if address.node is None else f"!{address.node}"
        if address.node is None:
            pending, oldest = await self._pending([address.name], [])
        else:
            number = await self._connection.ask(
                "HGET", self._keys.counts(address.node), address.name
            )
            pending, oldest = {address.name: int(number or 0)}, None
        count = stats.get(f"m:{inbox}", 0)
        return {
            "messages_count": count,
            "messages_count_per_second": _rate(await self._sample(inbox, now, count), now, count),
            "messages_pending": sum(pending.values()),
            "messages_max_age": max(0, now - oldest) / 1000 if oldest else 0.0,
            "channel_full_count": stats.get(f"f:{inbox}", 0),
            "drops": drops,
        }

    async def _sample(self, inbox: str, now: int, count: int) -> Sequence[bytes | None]:
        """What was counted for an inbox at two former times; a later one is kept for next time."""
        ask, key = self._connection.ask, f"{self._keys.sample}:{inbox}"
        sample: Sequence[bytes | None] = await ask(
            "HMGET", key, "time", "total", "next_time", "next_total"
        )
        if now - int(sample[2] or 0) >= 10_000:
            if sample[2]:
                await ask("HSET", key, "time", sample[2], "total", sample[3] or 0)
            await ask("HSET", key, "next_time", now, "next_total", count)
            await ask("PEXPIRE", key, _FIGURES_KEPT_MS)
        return sample

    async def _pending(
        self, channels: Sequence[str], nodes: Sequence[str]
    ) -> tuple[dict[str, int], int | None]:
        """Unread messages by channel, and when the oldest queued one was sent (ms)."""
        ask, keys = self._connection.ask, self._keys
        pending: dict[str, int] = {}
        oldest: list[int] = []
        for channel in channels:
            pending[channel] = await ask("LLEN", keys.queue(channel))
            pending[channel] += int(await ask("HGET", keys.unread, channel) or 0)
            head = await ask("LINDEX", keys.queue(channel), 0)
            if head:
                oldest.append(int.from_bytes(head[:8], "big"))
        for node in nodes:
            for name, number in _items(await ask("HGETALL", keys.counts(node))):
                if b"!" in name:
                    pending[name.decode()] = int(number)
        return pending, min(oldest, default=None)

    async def flush(self) -> None:
        """Delete what the layer stores, but not its nodes, who are told."""
        ask, keys = self._connection.ask, self._keys
        nodes = _texts(await ask("ZRANGE", keys.nodes, 0, -1))
        kept = {keys.nodes, *map(keys.inbox, nodes)}
        cursor = b"0"
        while True:
            cursor, found = await ask("SCAN", cursor, "MATCH", f"{_literal(keys.base)}*",
                                      "COUNT", 1000)  # fmt: skip
            gone = [key for key in _texts(found) if key not in kept]
            if gone:
                await ask("UNLINK", *gone)
            if cursor == b"0":
                break
        for node in nodes:
            where = [] if node == self._options.node else ["NOMKSTREAM"]
            await ask("XADD", keys.inbox(node), *where, "*", FLUSH, "")

    async def _script(self, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        return await self._connection.ask_script(name, keys, arguments)


def _count_field(channel: str) -> str:
    return channel if "!" in channel else f">{channel}"


def _pairs(numbers: Mapping[str, int]) -> list[Argument]:
    return [part for pair in numbers.items() for part in pair]


def _texts(values: Sequence[bytes]) -> list[str]:
    return [value.decode() for value in values]


def _items(flat: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _literal(text: str) -> str:
    """``text`` for a pattern that matches it alone."""
    return "".join(f"\\{char}" if char in "*?[]^\\" else char for char in text)


def _total(stats: Mapping[str, int], kind: str) -> int:
    return sum(number for name, number in stats.items() if name.startswith(kind))


def _rate(sample: Sequence[bytes | None], now: int, total: int) -> float:
    """Messages per second since the older of two samples; 0 where there is none yet."""
    times = [(int(sample[i] or 0), int(sample[i + 1] or 0)) for i in (0, 2)]
    then, before = next(((t, n) for t, n in times if t), (0, 0))
    return max(0, total - before) / (now - then) * 1000 if 0 < then < now else 0.0
