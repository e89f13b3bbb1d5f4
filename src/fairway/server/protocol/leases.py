"""Who among the processes at the other end is alive: a lease by rounds, not by the clock.

Counting unanswered rounds rather than seconds means that a process which itself was
stopped (a suspended laptop, a debugger) doesn't declare everybody else dead.
"""

from __future__ import annotations

#: Rounds that may pass in silence; a lease of `LEASE` seconds has as many rounds.
ROUNDS = 3


class Leases:
    """Members (reply or session channels) by the process they depend on."""

    def __init__(self) -> None:
        self._members: dict[str, set[str]] = {}
        self._silence: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._members)

    @property
    def peers(self) -> list[str]:
        """The control channels of the processes that members depend on."""
        return list(self._members)

    def join(self, peer: str, member: str) -> bool:
        """``member`` depends on ``peer``; True if it is the first that does."""
        self._silence[peer] = 0
        is_new = peer not in self._members
        self._members.setdefault(peer, set()).add(member)
        return is_new

    def leave(self, peer: str, member: str) -> None:
        """``member`` no longer depends on ``peer``; quiet if it didn't."""
        members = self._members.get(peer, set())
        members.discard(member)
        if not members:
            self._forget(peer)

    def heard(self, peer: str) -> None:
        """``peer`` gave a sign of life."""
        if peer in self._silence:
            self._silence[peer] = 0

    def round(self) -> list[str]:
        """A third of the lease has passed: the members of those whose lease lapsed with it."""
        for peer in self._silence:
            self._silence[peer] += 1
        lapsed = [peer for peer, rounds in self._silence.items() if rounds > ROUNDS]
        return [member for peer in lapsed for member in self._forget(peer)]

    def _forget(self, peer: str) -> set[str]:
        self._silence.pop(peer, None)
        return self._members.pop(peer, set())
