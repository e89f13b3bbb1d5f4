"""What a worker runs, and which channels it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from ..errors import ConfigurationError
from ..routing.routes import Router, Routes
from ..server.asgi import Application
from .application import ApplicationHost
from .combined import CombinedHost
from .consumers import ConsumerHost
from .host import Host
from .loading import Target, check_target, load_target
from .session import Ground


def make_host(
    ground: Ground,
    target: Application | Routes | str,
    fallback: Application | str | None,
    make_consumers: Callable[[Ground, Router], ConsumerHost],
) -> Host:
    """What runs ``target``: consumers, an application, or consumers and ``fallback``."""
    checked = _loaded(target)
    if not isinstance(checked, Sequence):
        if fallback is not None:
            raise ConfigurationError(
                "fallback is for requests that no route matches; "
                "this target is an application, which gets them all"
            )
        return ApplicationHost(ground, checked)
    consumers = make_consumers(ground, Router(checked))
    if fallback is None:
        return consumers
    application = _loaded(fallback)
    if isinstance(application, Sequence):
        raise ConfigurationError("fallback is a list of routes; it is an ASGI application")
    return CombinedHost(consumers, ApplicationHost(ground, application))


def _loaded(target: Application | Routes | str) -> Target:
    return load_target(target) if isinstance(target, str) else check_target(target)


def chosen_channels(
    wanted: Sequence[str] | None, unwanted: Sequence[str], available: Sequence[str]
) -> list[str]:
    """Those of ``available`` that one of ``wanted`` fits, and none of ``unwanted``."""
    for key, patterns in (("channels", wanted), ("exclude", unwanted)):
        for pattern in patterns or ():
            if not _matching([pattern], available):
                raise ConfigurationError(f"{key} has {pattern!r}; {_known(available)}")
    chosen = available if wanted is None else _matching(wanted, available)
    excluded = _matching(unwanted, available)
    left = [channel for channel in chosen if channel not in excluded]
    if not left:
        raise ConfigurationError(
            f"channels is {wanted!r} and exclude {unwanted!r}, which leaves none; "
            + _known(available)
        )
    return left


def _matching(patterns: Sequence[str], channels: Sequence[str]) -> list[str]:
    return [channel for channel in channels if any(fnmatchcase(channel, each) for each in patterns)]


def _known(channels: Sequence[str]) -> str:
    return f"this target has a use for {', '.join(channels)}"
