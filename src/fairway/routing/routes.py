"""Which consumer takes which message."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import ConfigurationError
from .loading import load_object

Consumer = Callable[..., Any]
Filters = Mapping[str, re.Pattern[str]]
Routes = Sequence["Route | Include"]


class Route(NamedTuple):
    """Messages of ``channel`` that pass every filter go to ``consumer``."""

    channel: str
    consumer: Consumer | str
    filters: Filters


class Include(NamedTuple):
    """Routes that apply to messages that pass every filter, to what the filters left over."""

    routes: Routes | str
    filters: Filters


class Match(NamedTuple):
    """The consumer for a message, and the arguments that its route's filters found in it."""

    consumer: Consumer
    arguments: dict[str, str]


def route(channel: str, consumer: Consumer | str, **filters: str) -> Route:
    """Send messages of ``channel`` to ``consumer``, a callable or its import path.

    Each filter is a regular expression that the message's value of that name has to
    begin with, as in ``path=r"^/chat/(?P<room>\\w+)$"``; what named groups match becomes
    keyword arguments of the consumer. The first route of a list that fits is taken.
    """
    if not isinstance(channel, str) or not channel:
        raise ConfigurationError(f"route({channel!r}, …): the first argument is a channel's name")
    if not callable(consumer) and not isinstance(consumer, str):
        raise ConfigurationError(
            f"route({channel!r}, {consumer!r}): a consumer is a function or its import path"
        )
    return Route(channel, consumer, _compiled(filters, f"route({channel!r}, …)"))


def include(routes: Routes | str, **filters: str) -> Include:
    """Take in a list of routes, or the list at an import path, for messages that pass ``filters``.

    What a filter has matched is cut off the value's front, so ``include("blog.routes",
    path="^/blog")`` lets those routes see the path ``/blog/5`` as ``/5``.
    """
    return Include(routes, _compiled(filters, "include(…)"))


def _compiled(filters: Mapping[str, str], where: str) -> Filters:
    compiled = {}
    for key, pattern in filters.items():
        try:
            compiled[key] = re.compile(pattern)
        except (re.error, TypeError) as error:
            raise ConfigurationError(
                f"{where}: {key}={pattern!r} is no regular expression: {error}"
            ) from error
    return compiled


class Router:
    """Finds the consumer of a message among routes, with every import path resolved.

    Raises :class:`ConfigurationError` for what isn't a route or a consumer.
    """

    def __init__(self, routes: Routes):
        self._entries: dict[str, list[tuple[tuple[Filters, ...], Consumer]]] = {}
        self._add(routes, ())

    @property
    def channels(self) -> list[str]:
        """The channels that have a route."""
        return list(self._entries)

    def consumers(self, channel: str) -> list[Consumer]:
        """All consumers that ``channel`` may lead to."""
        return [consumer for _, consumer in self._entries.get(channel, ())]

    def match(self, channel: str, message: Mapping[str, Any]) -> Match | None:
        """The first route that fits; None if there is none."""
        for stages, consumer in self._entries.get(channel, ()):
            arguments = _passed(stages, message)
            if arguments is not None:
                return Match(consumer, arguments)
        return None

    def _add(self, routes: Routes, stages: tuple[Filters, ...]) -> None:
        for entry in routes:
            if isinstance(entry, Include):
                self._add(_included(entry), (*stages, entry.filters))
            elif isinstance(entry, Route):
                found = (*stages, entry.filters), _consumer_of(entry)
                self._entries.setdefault(entry.channel, []).append(found)
            else:
                raise ConfigurationError(
                    f"{entry!r} in a list of routes is none: write route(channel, consumer, …)"
                )


def _included(entry: Include) -> Routes:
    found = load_object(entry.routes) if isinstance(entry.routes, str) else entry.routes
    if not isinstance(found, (list, tuple)) or isinstance(found, (Route, Include)):
        raise ConfigurationError(f"include({entry.routes!r}): that is {found!r}, no list of routes")
    return found


def _consumer_of(entry: Route) -> Consumer:
    consumer = load_object(entry.consumer) if isinstance(entry.consumer, str) else entry.consumer
    if not callable(consumer):
        raise ConfigurationError(
            f"route({entry.channel!r}, {entry.consumer!r}): that is {consumer!r}, no function"
        )
    if inspect.isgeneratorfunction(consumer) or inspect.isasyncgenfunction(consumer):
        raise ConfigurationError(
            f"route({entry.channel!r}, …): {consumer.__qualname__} has a 'yield'; calling it "
            "would run nothing: a consumer is a plain function or an async one"
        )
    result: Consumer = consumer
    return result


def _passed(stages: tuple[Filters, ...], message: Mapping[str, Any]) -> dict[str, str] | None:
    """The named groups of all filters of all stages; None if one doesn't match."""
    arguments: dict[str, str] = {}
    rest: dict[str, str] = {}
    for filters in stages:
        for key, pattern in filters.items():
            value = rest[key] if key in rest else _text(message.get(key))
            found = None if value is None else pattern.match(value)
            if found is None or value is None:
                return None
            arguments.update(_named_groups(found))
            rest[key] = value[found.end() :]
    return arguments


def _named_groups(found: re.Match[str]) -> dict[str, str]:
    return {name: text for name, text in found.groupdict().items() if text is not None}


def _text(value: Any) -> str | None:
    """A message's value as filters see it."""
    if value is None:
        return None
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
