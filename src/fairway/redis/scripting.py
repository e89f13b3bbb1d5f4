"""The Lua scripts: one file each, run by their SHA1."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha1
from importlib.resources import files


class Script:
    """A script's text and the name Redis knows it by."""

    def __init__(self, text: str):
        self.text = text
        self.sha = sha1(text.encode(), usedforsecurity=False).hexdigest()


@lru_cache(maxsize=1)
def load_scripts() -> dict[str, Script]:
    """All scripts by file name, each behind ``lib.lua`` unless it says that it stands alone."""
    folder = files(__package__).joinpath("scripts")
    texts = {
        entry.name.removesuffix(".lua"): entry.read_text()
        for entry in folder.iterdir()
        if entry.name.endswith(".lua")
    }
    lib = texts.pop("lib")
    return {
        name: Script(text if text.startswith("-- (alone)") else lib + text)
        for name, text in texts.items()
    }
