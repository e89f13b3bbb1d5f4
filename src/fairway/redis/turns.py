"""Keeps messages in order where the server may have to be called twice for some of them."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Which messages for a place must wait for those that were sent to it before.

    A call that found more to serve than it named is followed by a second one, which what
    is sent meanwhile would overtake. So from then on messages for that place are held
    until none of the calls before is under way.
    """

    def __init__(self) -> None:
        self._under_way: dict[str, int] = {}
        self._held: dict[str, list[T]] = {}

    def hold(self, place: str, messages: list[T]) -> bool:
        """Whether these must wait; :meth:`answered` gives them back."""
        held = self._held.get(place)
        if held is not None:
            held.extend(messages)
        return held is not None

    def called(self, place: str) -> None:
        """A call is under way, until :meth:`answered`."""
        self._under_way[place] = self._under_way.get(place, 0) + 1

    def repeated(self, place: str) -> None:
        """What a call was to do takes a second one."""
        self._held.setdefault(place, [])

    def answered(self, place: str) -> list[T]:
        """A call has its reply: the messages whose turn it is now."""
        left = self._under_way[place] - 1
        if left:
            self._under_way[place] = left
            return []
        del self._under_way[place]
        return self._held.pop(place, [])
