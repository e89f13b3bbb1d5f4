"""What has to be said at last, however long the store is away."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from ...errors import FairwayError, StoreUnavailable
from .link import pauses

Work = Callable[[], Awaitable[object]]
Report = Callable[[FairwayError], None]

#: Seconds between attempts, at most: so soon after an outage is it over for everybody.
_LONGEST_PAUSE = 5.0


async def now_or_later(
    work: Work, in_background: Callable[[Coroutine[Any, Any, None]], object], report: Report
) -> None:
    """Do ``work``; while the store is unavailable, try again in the background until it is done.

    Other refusals of the layer (full, closed) cost the work, not its caller. ``report``
    is told of those, and of an outage at its beginning.
    """
    try:
        await work()
    except StoreUnavailable as error:
        report(error)
        in_background(_later(work, report))
    except FairwayError as error:
        report(error)


async def _later(work: Work, report: Report) -> None:
    try:
        await _outlast_outage(work)
    except FairwayError as error:
        report(error)


async def _outlast_outage(work: Work) -> None:
    for pause in pauses(math.inf, longest=_LONGEST_PAUSE):
        await asyncio.sleep(pause)
        try:
            await work()
        except StoreUnavailable:
            continue  # as was reported
        return
