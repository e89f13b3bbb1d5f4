"""New layers for a test, closed at its end."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from asgiref.sync import async_to_sync

from ..errors import ConfigurationError
from .configuration import entry_of, make_layer
from .layers import channel_layers

F = TypeVar("F", bound=Callable[..., Any])


class layers_for_tests:
    """Within it, each alias that has a ``TEST_CONFIG`` means a new layer made from that.

    A decorator of tests, plain and ``async``; and a context manager, which is ``async with``
    in async code.
    """

    def __enter__(self) -> None:
        if _in_a_loop():
            raise ConfigurationError("in async code write `async with layers_for_tests()`")
        self._replace()

    def __exit__(self, *_: object) -> None:
        async_to_sync(self._put_back)()

    async def __aenter__(self) -> None:
        self._replace()

    async def __aexit__(self, *_: object) -> None:
        await self._put_back()

    def __call__(self, test: F) -> F:
        @wraps(test)
        def run(*args: Any, **kwargs: Any) -> Any:
            with layers_for_tests():
                return test(*args, **kwargs)

        @wraps(test)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            async with layers_for_tests():
                return await test(*args, **kwargs)

        return cast(F, run_async if inspect.iscoroutinefunction(test) else run)

    def _replace(self) -> None:
        aliases = [alias for alias in channel_layers if "TEST_CONFIG" in entry_of(alias)]
        self._made = {alias: make_layer(alias, "TEST_CONFIG") for alias in aliases}
        self._before = {alias: channel_layers.set(alias, self._made[alias]) for alias in aliases}

    async def _put_back(self) -> None:
        for alias, layer in self._before.items():
            channel_layers.set(alias, layer)
        for layer in self._made.values():
            if hasattr(layer, "close"):
                await layer.close()


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
