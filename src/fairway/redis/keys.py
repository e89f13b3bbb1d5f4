"""The names of everything stored in Redis.

All keys of a layer carry its prefix as a hash tag, so that they share one slot and
Redis Cluster can run the scripts; the letter after it keeps kinds apart. ``{asgi}:g:x``
can't meet a key of another program, nor a group's name a channel's.
"""

from __future__ import annotations


class Keys:
    """Key names under one prefix."""

    def __init__(self, prefix: str):
        self.base = f"{{{prefix}}}:"
        #: Sorted set: node ids by the end of their lease (ms).
        self.nodes = self.base + "nodes"
        #: Hash: messages, full channels and drops counted.
        self.stats = self.base + "stats"
        #: Hash: the totals at two former times, for rates.
        self.sample = self.base + "sample"
        #: Sorted set: groups by when they are forgotten unless renewed (ms).
        self.groups = self.base + "groups"
        #: Sorted set: normal channels by when to look for expired messages (ms).
        self.known = self.base + "known"
        #: Hash: messages of normal channels that nodes have taken and not handed over.
        self.unread = self.base + "unread"

    def inbox(self, node: str) -> str:
        """Stream: what waits for a node."""
        return f"{self.base}i:{node}"

    def counts(self, node: str) -> str:
        """Hash: unread messages of a node by channel."""
        return f"{self.base}c:{node}"

    def queue(self, channel: str) -> str:
        """List: stamped messages of a normal channel that no node has taken."""
        return f"{self.base}q:{channel}"

    def want(self, channel: str) -> str:
        """Sorted set: node ids by how many messages of a normal channel they want."""
        return f"{self.base}w:{channel}"

    def names(self, group: str) -> str:
        """Sorted set: the channels in a group by when they leave it (ms)."""
        return f"{self.base}g:{group}"

    def group_nodes(self, group: str) -> str:
        """Sorted set: ids of the nodes with channels in a group."""
        return f"{self.base}gn:{group}"

    def group_channels(self, group: str) -> str:
        """Sorted set: the normal channels in a group by when they leave it (ms)."""
        return f"{self.base}gc:{group}"

    def queue_keys(self, channel: str) -> list[str]:
        """KEYS 1 to 6 of the scripts that deal a normal channel's messages."""
        return [
            self.queue(channel), self.want(channel), self.nodes,
            self.unread, self.stats, self.known,
        ]  # fmt: skip

    def node_keys(self, node: str) -> list[str]:
        """The pair of keys that stands for a named node."""
        return [self.inbox(node), self.counts(node)]
