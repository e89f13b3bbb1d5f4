"""A mistake in settings: what is wrong, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from ..errors import ConfigurationError


class Mistake(ConfigurationError):
    """Raised where a layer is asked for; the system checks tell it before that.

    ``code``: the check's, as in ``fairway.E001``. ``text``: what is wrong. ``hint``: what to
    write instead.
    """

    def __init__(self, code: str, text: str, hint: str):
        super().__init__(f"{text}; {hint}")
        self.code = code
        self.text = text
        self.hint = hint


def nearest(word: str, known: Iterable[str]) -> str | None:
    """What was probably meant by a word that isn't known; None if nothing is near."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return close[0] if close else None


def listed(words: Iterable[str]) -> str:
    """Words as they are written in settings."""
    return ", ".join(map(repr, words))


def sentence(text: str) -> str:
    """``text`` as Django's own hints are: a sentence."""
    return text[:1].upper() + text[1:] + ("" if text[-1:] in ".?" else ".")
