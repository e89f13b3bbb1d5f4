"""manage.py createchanneltables: the database layer's tables, before their first use."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from fairway.database.connection import Connection, features_for
from fairway.database.tables import creation
from fairway.django.configuration import all_backends, database_places
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
        try:
            for alias, prefix in self._places(options["database"]):
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
        places = database_places(all_backends())
        configured = sorted({(database, prefix) for _, database, prefix in places})
        if wanted is None:
            return configured or [("default", "asgi")]
        return [place for place in configured if place[0] == wanted] or [(wanted, "asgi")]
