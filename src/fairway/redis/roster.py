"""Which nodes a script has to name, as last heard: in a group, or waiting at a channel.

Scripts must declare every key they touch, and the inboxes they write to are those of
whatever nodes there are. So a caller names the nodes it knows of; the script serves
those, and answers which others there are, for a second call.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

#: Names remembered, and nodes that one script call names at the most.
_KEPT = 4096
NAMED = 500


class Roster:
    """The node ids last known for each name; names unused for long are forgotten."""

    def __init__(self) -> None:
        self._nodes: OrderedDict[str, list[str]] = OrderedDict()

    def of(self, name: str) -> list[str]:
        """The nodes known for ``name``."""
        nodes = self._nodes.get(name)
        if nodes is None:
            return []
        self._nodes.move_to_end(name)
        return nodes

    def learn(self, name: str, nodes: Iterable[str]) -> None:
        """These nodes belong to ``name`` too."""
        known = self._nodes.setdefault(name, [])
        known.extend(node for node in nodes if node not in known)
        # Nodes come and go with processes: the longest known are named for nothing first.
        del known[:-NAMED]
        if len(self._nodes) > _KEPT:
            self._nodes.popitem(last=False)
