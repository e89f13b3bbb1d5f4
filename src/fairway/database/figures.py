"""Statistics, from the counters that transactions keep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from ..core.envelope import NORMAL
from ..names import Address
from ..types import Statistics

#: Carries out one statement.
Ask = Callable[..., Any]

_CAUSES = ("expired", "over_capacity", "reader_died", "undecodable")
#: Milliseconds between two samples of a total.
_SAMPLED_EVERY = 10_000


def figures_of_all(ask: Ask) -> Statistics:
    """Figures of everything."""
    now = _now(ask)
    stored = dict(ask("figures"))
    sums = [sum(int(row[i] or 0) for row in ask("totals")) for i in range(3)]
    total = sums[0] + sums[2] + stored.get("m:gone", 0) + stored.get("g:gone", 0)
    pending: Counter[str] = Counter()
    for field, number in ask("pending"):
        if field != "@":
            pending[field.removeprefix(NORMAL)] += int(number)
    for name, number in ask("queued"):
        pending[name] += number
    ((oldest,),) = ask("oldest")
    ((groups,),) = ask("groups")
    return {
        "messages_count": total,
        "messages_count_per_second": _rate(ask, "", now, total),
        "messages_pending": sum(pending.values()),
        "messages_max_age": _age(now, oldest),
        "channel_full_count": sums[1] + stored.get("f:gone", 0),
        "drops": _drops(stored),
        "groups": groups,
        "channels": len(pending),
    }


def channel_figures(ask: Ask, address: Address) -> Statistics:
    """Figures of one channel; counts and rates are those of all channels of its node."""
    now = _now(ask)
    inbox = address.name if address.node is None else f"!{address.node}"
    rows = ask("channel", address.name) if address.node is None else ask("node", address.node)
    sent, filled, queued = rows[0] if rows else (0, 0, 0)
    field = NORMAL + address.name if address.node is None else address.name
    unread = sum(n for _, _, n in ask("counts", [field]))
    oldest = ask("queue_oldest", address.name)[0][0] if queued else None
    return {
        "messages_count": sent,
        "messages_count_per_second": _rate(ask, inbox, now, sent),
        "messages_pending": queued + unread,
        "messages_max_age": _age(now, oldest),
        "channel_full_count": filled,
        "drops": _drops(dict(ask("figures"))),
    }


def _now(ask: Ask) -> int:
    return int(ask("now")[0][0])


def _age(now: int, oldest: int | None) -> float:
    return 0.0 if oldest is None else max(0, now - oldest) / 1000


def _drops(stored: dict[str, int]) -> dict[str, int]:
    return {cause: stored.get(f"d:{cause}", 0) for cause in _CAUSES}


def _rate(ask: Ask, name: str, now: int, total: int) -> float:
    """Messages per second since the older of two samples; 0 where there is none yet."""
    rows = ask("sample", name)
    at, before, next_at, next_before = rows[0] if rows else (0, 0, 0, 0)
    if now - next_at >= _SAMPLED_EVERY:
        ask("put_sample", [(name, next_at or now, next_before if next_at else total, now, total)])
    then, number = (at, before) if at else (next_at, next_before)
    return max(0, total - number) / (now - then) * 1000 if 0 < then < now else 0.0
