"""Parts that need a library which `pip install fairway` doesn't bring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .errors import MissingLibrary


@contextmanager
def needed(part: str, libraries: dict[str, str]) -> Iterator[None]:
    """Around the imports of ``part``: says what to install where one of ``libraries`` is missing.

    Their names are those to import, the values say what brings them. Raises
    :class:`MissingLibrary`.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name not in libraries:
            raise
        raise MissingLibrary(
            f"{part} needs {error.name}, which is not installed: {libraries[error.name]}",
            name=error.name,
        ) from error
