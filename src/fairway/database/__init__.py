"""The database layer: any alias of Django's ``DATABASES`` (extras ``postgres``, ``mysql``)."""

from ..extras import needed

with needed(
    "the database layer",
    {
        "django": "pip install 'fairway[postgres]' brings it with all that PostgreSQL needs, "
        "'fairway[mysql]' for MySQL and MariaDB, 'fairway[sqlite]' for SQLite"
    },
):
    from .layer import DatabaseChannelLayer

__all__ = ["DatabaseChannelLayer"]
