"""The database layer: any alias of Django's ``DATABASES`` (extras ``postgres``, ``mysql``)."""

from ..extras import needed

with needed(
    "the database layer",
    {
        "django": "pip install 'fairway[postgres]' brings it, with what PostgreSQL needs, "
        "'fairway[mysql]' with what MySQL and MariaDB need; SQLite needs Django only"
    },
):
    from .layer import DatabaseChannelLayer

__all__ = ["DatabaseChannelLayer"]
