"""How far a store's clock is from ours, as exactly as the quickest of its answers tells."""

from __future__ import annotations

import math

#: Seconds by which bounds may contradict one another: stores tell milliseconds, and clocks that
#: are kept right go a little slower or faster now and then.
_SLACK = 0.002


class StoreClock:
    """Ours less the store's, in seconds, between two bounds that each answer may narrow.

    The store showed its time at some instant between question and answer: of a slow answer,
    half of the time that it took would be a poor guess.
    """

    def __init__(self) -> None:
        self._least = -math.inf
        self._most = math.inf

    def told(self, shown: float, asked_at: float, now: float) -> float:
        """The store showed ``shown`` between these instants of our clock; the distance."""
        least, most = asked_at - shown, now - shown
        if least > self._most + _SLACK or most < self._least - _SLACK:  # it was set
            self._least, self._most = least, most
        else:
            self._least, self._most = max(least, self._least), min(most, self._most)
        return (self._least + self._most) / 2
