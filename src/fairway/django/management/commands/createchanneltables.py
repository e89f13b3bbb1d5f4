"""manage.py createchanneltables: the database layer's tables, before their first use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string

from fairway.database import DatabaseChannelLayer
from fairway.database.connection import Connection, features_for
from fairway.database.tables import creation
from fairway.errors import FairwayError


class Command(BaseCommand):
    """For accounts that may not create tables, and to see what would be created."""

    help = (
        "Creates the tables of the channel layers in CHANNEL_LAYERS whose BACKEND is "
        "fairway.database.DatabaseChannelLayer. Not needed where a layer may create them on "
        "first use."
    )
    requires_system_checks: ClassVar[list[str]] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database", help="Only for layers on this alias of DATABASES.")
        parser.add_argument("--dry-run", action="store_true", help="Print the SQL, do nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        for alias, prefix in self._places(options["database"]):
            try:
                self._create(alias, prefix, options["dry_run"])
            except FairwayError as error:
                raise CommandError(str(error)) from error

    def _create(self, alias: str, prefix: str, dry_run: bool) -> None:
        if dry_run:
            for text in creation(features_for(alias), prefix):
                self.stdout.write(f"{text};")
            return
        Connection(alias, prefix).close()
        self.stdout.write(f"The tables with prefix {prefix!r} are in database {alias!r}.")

    def _places(self, wanted: str | None) -> list[tuple[str, str]]:
        """Aliases and prefixes; the usual prefix where settings name no layer of ours."""
        configured = sorted(set(_configured()))
        if wanted is None:
            return configured or [("default", "asgi")]
        return [place for place in configured if place[0] == wanted] or [(wanted, "asgi")]


def _configured() -> Iterator[tuple[str, str]]:
    for layer in getattr(settings, "CHANNEL_LAYERS", {}).values():
        backend = import_string(layer["BACKEND"])
        if isinstance(backend, type) and issubclass(backend, DatabaseChannelLayer):
            config = layer.get("CONFIG", {})
            yield config.get("alias", "default"), config.get("prefix", "asgi")
