"""What a Redis server says that it has used: time, commands, bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Asking is not what is measured.
_NOT_COUNTED = ("cmdstat_info", "cmdstat_client")


@dataclass(frozen=True)
class Use:
    """Since the server's start: seconds of processor, commands (those that scripts run too),
    bytes that came in and went out."""

    cpu: float
    commands: float
    bytes_in: float
    bytes_out: float

    def __sub__(self, other: Use) -> Use:
        return Use(
            self.cpu - other.cpu,
            self.commands - other.commands,
            self.bytes_in - other.bytes_in,
            self.bytes_out - other.bytes_out,
        )


def uses_of(addresses: Sequence[str]) -> list[Use]:
    """What each server has used so far."""
    return [_use_of(address) for address in addresses]


def _use_of(address: str) -> Use:
    import redis  # here, since cases without a server need not have it

    with redis.Redis.from_url(address) as client:
        cpu, stats, commands = (client.info(part) for part in ("cpu", "stats", "commandstats"))
    return Use(
        cpu["used_cpu_user"] + cpu["used_cpu_sys"],
        sum(of["calls"] for name, of in commands.items() if not name.startswith(_NOT_COUNTED)),
        stats["total_net_input_bytes"],
        stats["total_net_output_bytes"],
    )
