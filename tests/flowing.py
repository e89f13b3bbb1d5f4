"""Waits for traffic to come through again after a fault."""

from benchmarks.traffic import Traffic

from waiting import until


async def groups_are_whole(traffic: Traffic, since: int) -> None:
    """Return when every member of the group received something that it was sent since then."""
    await until(
        lambda: not traffic.not_reached_by_group(since), "not all channels are in the group again"
    )
