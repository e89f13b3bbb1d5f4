"""The entries of an inbox that were delivered lately, to know them again."""

from __future__ import annotations

from collections.abc import Sequence

#: Entries remembered at the least; up to twice as many are.
_REMEMBERED = 2048


class Delivered:
    """Tells which of the entries that a server holds are new, whatever their ids are.

    The ids of a stream go forward on one server. A replica that takes over may lack the
    last entries, and give ids that we have read to new ones, or lower ones.
    """

    def __init__(self) -> None:
        self._latest: dict[bytes, int] = {}
        self._before: dict[bytes, int] = {}

    @property
    def forgotten(self) -> bytes:
        """The id up to which entries may have been delivered and are not remembered."""
        return next(iter(self._before), b"0-0")

    def is_new(self, entry_id: bytes, fields: Sequence[bytes]) -> bool:
        """Whether this entry is seen for the first time; from now on it is known."""
        # The first value stands for all of them.
        mark = hash((len(fields), fields[1]))
        if self._latest.get(entry_id) == mark or self._before.get(entry_id) == mark:
            return False
        if len(self._latest) >= _REMEMBERED:
            self._before, self._latest = self._latest, {}
        self._latest[entry_id] = mark
        return True
