"""What a project's ``CHANNEL_LAYERS`` become here, and what changes with that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from .configuration import OURS, configured, entry_of, words_of
from .mistakes import listed
from .peers import PEERS, POSTGRES, Change, Peer

#: What tells one database from another.
_PLACE = ("NAME", "HOST", "PORT")


@dataclass(frozen=True)
class Move:
    """Of one alias. ``steps``: what to write. ``problems``: what would fail nevertheless."""

    alias: str
    backend: str
    steps: list[str] = field(default_factory=list)
    changes: list[tuple[str, Change]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def is_ours(self) -> bool:
        """Whether the layer is Fairway's already."""
        return self.backend in OURS

    @property
    def is_known(self) -> bool:
        """Whether it is one that Fairway can take the place of."""
        return self.backend in PEERS


def moves() -> list[Move]:
    """A move for each alias of ``CHANNEL_LAYERS``. Raises :class:`ConfigurationError`."""
    return [_move(alias, entry_of(alias)) for alias in configured()]


def _move(alias: str, entry: Mapping[str, Any]) -> Move:
    move = Move(alias, entry["BACKEND"])
    if not move.is_known:
        return move
    peer = PEERS[move.backend]
    move.steps.append(f'write "BACKEND": "{peer.successor}"')
    for key in ("CONFIG", "TEST_CONFIG"):
        if entry.get(key):
            _carry_over(peer, key, entry[key], move)
    move.changes.extend(peer.behaviours.items())
    return move


def _carry_over(peer: Peer, key: str, config: Mapping[str, Any], move: Move) -> None:
    """Tell what becomes of a CONFIG, and try it."""
    known = dict(move.changes)
    move.changes.extend(
        (name, peer.options.get(name, peer.other)) for name in config if name not in known
    )
    kept, edits = _edited(peer, config)
    move.steps.extend(f"{edit} in {key}" for edit in edits)
    if not edits:
        move.steps.append(f"leave {key} as it is")
    try:
        import_string(peer.successor)(**kept)
    except Exception as error:  # whatever is missing, or wrong with a value
        move.problems.append(f"{key}: {words_of(error)}")


def _edited(peer: Peer, config: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What the options become, and the edits that make it so."""
    if peer is POSTGRES:
        return _on_database(config)
    dropped = [name for name in config if name not in peer.options]
    edits = [f"leave out {listed(dropped)}"] if dropped else []
    return {name: value for name, value in config.items() if name not in dropped}, edits


def _on_database(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    names = ("prefix", "expiry", "group_expiry", "symmetric_encryption_keys")
    kept = {name: config[name] for name in names if name in config}
    edits = [f"leave out {listed(name for name in config if name not in kept)}"]
    if kept.get("group_expiry") == 0:
        kept["group_expiry"] = None
        edits.append("write 'group_expiry': None")
    alias = next(_aliases_of(config), "channels_postgres")
    if alias != "default":
        kept["alias"] = alias
        edits.append(f"write 'alias': {alias!r}")
    return kept, edits


def _aliases_of(config: Mapping[str, Any]) -> Iterator[str]:
    """The aliases of ``DATABASES`` that lead to the database of a CONFIG."""
    for alias, database in settings.DATABASES.items():
        if all(str(database.get(key, "")) == str(config.get(key, "")) for key in _PLACE):
            yield alias
