"""A connection of the layer's own, made by Django, that carries out statements by name."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.utils import load_backend

from ..errors import ConfigurationError
from . import tables
from .faults import Broken, Conflict, Refused
from .features import Features, features_of
from .place import OpenFile, settings_for
from .statements import Call, Statements
from .stillness import stillness

if TYPE_CHECKING:
    from .postgres import Wire


class Connection:
    """Belongs to the thread that uses it. In autocommit: ``begin`` begins a transaction.

    Django connects, with the alias's settings as they are now; then statements go to its
    driver, without what Django does around each.
    """

    def __init__(self, alias: str, prefix: str):
        self.features = features_for(alias)
        self.statements = Statements(self.features, prefix)
        self._alias = alias
        self._title = f"database {alias!r}"
        settings = settings_for(alias, self.features)
        self._wrapper = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, alias)
        self._raw: Any = None
        self._file: OpenFile | None = None
        self._wire: Wire | None = None
        #: Whether the session is ours alone: no pooler stands between.
        self.direct = True
        #: How many calls into SQLite are under way, one within the other, and whether a
        #: transaction is: no fork now.
        self._depth, self._inside = 0, False
        with self._still():
            self._connect()
            try:
                self._prepare(prefix)
            except BaseException:
                self.close()
                raise

    def _connect(self) -> None:
        with self._errors():
            # Not `connect`, which asks questions that only the application has.
            parameters = self._wrapper.get_connection_params()
            self._raw = self._wrapper.connection = self._wrapper.get_new_connection(parameters)

    def _prepare(self, prefix: str) -> None:
        with self._errors():
            self._set_up()
        tables.ensure(self, prefix, f"manage.py createchanneltables --database {self._alias}")
        if self.features.locks_rows:
            # A server that is read-only is not there for us, however well it answers.
            self.run(("drop_node", ""))
        else:
            self._file = OpenFile(self._wrapper.settings_dict["NAME"])
            # From now on we wait for others ourselves, and more briefly than SQLite does.
            self.execute("PRAGMA busy_timeout = 0")

    # -- carrying out -----------------------------------------------------------------

    def run(self, *calls: Call) -> list[Any]:
        """Carry out statements in order; for each its rows, or how many rows it touched.

        One round trip where the database takes several statements at once. Raises
        :class:`Conflict`, :class:`Broken`, :class:`Refused`.
        """
        if calls[0][0] == "begin":
            self._check_place()
        rendered = [self.statements.render(call) for call in calls]
        with self._still(), self._errors():
            if self._wire is not None:
                return self._wire.run(rendered)
            return [self._one(text, values) for text, values in rendered]

    def transact(self, *calls: Call) -> list[Any]:
        """:meth:`run` as one transaction.

        One statement is that by itself, and so is one round trip in a session of ours.
        """
        if len(calls) == 1 or (self.features.together and self.direct):
            return self.run(*calls)
        return self.run(("begin",), *calls, ("commit",))[1:-1]

    def execute(self, text: str) -> None:
        """A statement that has no name."""
        with self._still(), self._errors():
            self._one(text, [])

    def rollback(self) -> None:
        """End a transaction, if there is one, as if it had never been."""
        with contextlib.suppress(Conflict, Broken, Refused), self._still(), self._errors():
            if self._wire is not None:
                self._wire.rollback()
            else:
                self._raw.rollback()

    def close(self) -> None:
        """Drop the connection."""
        with contextlib.suppress(self._wrapper.Database.Error), self._still():
            self._raw.close()

    def _one(self, text: str, values: Sequence[Any]) -> Any:
        if self._wire is not None:
            return self._wire.run([(text, values)])[0]
        cursor = self._raw.cursor()
        try:
            cursor.execute(text, values) if values else cursor.execute(text)
            return cursor.fetchall() if cursor.description else cursor.rowcount
        finally:
            cursor.close()

    # -- waking -----------------------------------------------------------------------

    def data_version(self) -> int:
        """A number that changes when another connection wrote to a SQLite file."""
        self._check_place()
        with self._still(), self._errors():
            version: int = self._raw.execute("PRAGMA data_version").fetchone()[0]
            return version

    def consume(self) -> bool:
        """Read what PostgreSQL sent unasked; False if the connection broke."""
        try:
            with self._errors():
                self._raw.pgconn.consume_input()
        except (Broken, Refused):
            return False
        return True

    def check(self) -> None:
        """Raise :class:`Broken` where the connection broke while nobody used it."""
        if self._wire is not None:
            with self._errors():
                self._wire.check()

    def _check_place(self) -> None:
        """A deleted SQLite file lives on unseen by others: leave it."""
        if self._file is not None and not self._file.stands():
            raise Broken(f"{self._title}: {self._file.path} was deleted or replaced")

    # -- connecting -------------------------------------------------------------------

    @property
    def raw(self) -> Any:
        """The driver's connection."""
        return self._raw

    def _set_up(self) -> None:
        """Bring the session into the state that our transactions count on."""
        vendor = self.features.vendor
        if vendor == "sqlite":
            self._raw.isolation_level = None
        elif vendor == "mysql":
            self._raw.autocommit(True)
        else:
            self._raw.autocommit = True
            self._wire = self._make_wire()
            if role := self._wrapper.settings_dict["OPTIONS"].get("assume_role"):
                self._one("SET ROLE %s", [role])
        self._check_version()
        if self._wire is not None:
            self.direct = self._wire.prepares = self._wire.direct
        # What is set in a session behind a pooler would stay for others.
        for text in self.features.session if self.direct else ():
            self._one(text, [])

    def _make_wire(self) -> Wire:
        if not hasattr(self._raw, "pgconn"):
            raise Refused(f"{self._title} uses psycopg2; the layer needs psycopg 3")
        from .postgres import Wire

        return Wire(self._raw)

    def _check_version(self) -> None:
        title, oldest = self.features.title, self.features.oldest
        ((text,),) = self._one(self.features.version, [])
        if "MariaDB" in text:
            title, oldest = "MariaDB", (10, 6)
        version = tuple(map(int, re.findall(r"\d+", text)[:3]))
        if version < oldest:
            raise Refused(
                f"{self._title} is {title} {text}; the layer needs "
                f"{'.'.join(map(str, oldest))} or later"
            )

    @contextlib.contextmanager
    def _still(self) -> Iterator[None]:
        """No fork meanwhile, nor until the end of the transaction that is begun here."""
        if self.features.vendor != "sqlite":
            yield
            return
        if not self._depth and not self._inside:
            stillness.enter()
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth:
                self._inside = self._in_transaction()
                if not self._inside:
                    stillness.leave()

    def _in_transaction(self) -> bool:
        try:
            return bool(self._raw is not None and self._raw.in_transaction)
        except self._wrapper.Database.ProgrammingError:  # it was closed
            return False

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        driver = self._wrapper.Database
        try:
            yield
        except (driver.Error, driver.Warning, ImproperlyConfigured) as error:
            raise self._meaning(error) from error
        except Exception as error:
            if type(error).__module__ == "django.db.utils":
                raise self._meaning(_cause(error)) from error
            raise

    def _meaning(self, error: Exception) -> Exception:
        text = f"{self._title}: {' '.join(str(error).split())}"
        fate = self.features.fate(error, self._wrapper.connection)
        if fate == "conflict":
            return Conflict(text)
        return Broken(text) if fate == "broken" else Refused(text)


def features_for(alias: str) -> Features:
    """The features of an alias's database; :class:`ConfigurationError` if there is none."""
    if alias not in connections.settings:
        known = ", ".join(map(repr, connections.settings))
        raise ConfigurationError(f"alias is {alias!r}; DATABASES has {known}")
    try:
        backend = load_backend(connections.settings[alias]["ENGINE"])
    except ImproperlyConfigured as error:
        raise ConfigurationError(f"alias {alias!r}: {error}") from error
    return features_of(backend.DatabaseWrapper.vendor, alias)


def _cause(error: Exception) -> Exception:
    """The driver's error behind one of Django's."""
    return error.__cause__ if isinstance(error.__cause__, Exception) else error
