"""Checks of the values that settings hand to a layer, in the settings' own words."""

from __future__ import annotations

from .errors import ConfigurationError


def check_seconds(key: str, value: float) -> float:
    """A positive number of seconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ConfigurationError(f"{key} is {value!r}; it is a number of seconds above 0")
    return value


def check_size(key: str, value: int) -> int:
    """A positive number of bytes."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{key} is {value!r}; it is a number of bytes, 1 or more")
    return value


def check_count(key: str, value: int) -> int:
    """A positive whole number."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{key} is {value!r}; it is a whole number, 1 or more")
    return value


def check_known(unknown: dict[str, object], known: list[str], backend: str) -> None:
    """Refuse configuration keys that ``backend`` doesn't have, naming those it has."""
    if unknown:
        keys = ", ".join(sorted(map(repr, unknown)))
        raise ConfigurationError(f"{backend} has no option {keys}; it has {', '.join(known)}")
