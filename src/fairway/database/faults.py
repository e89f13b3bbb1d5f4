"""What can go wrong with a transaction, in the three ways that make a difference."""

from __future__ import annotations

from ..errors import StoreUnavailable


class Conflict(StoreUnavailable):
    """Others were in the way of a transaction: it was not carried out and may be repeated."""


class Broken(StoreUnavailable):
    """The connection is gone."""


class Refused(StoreUnavailable):
    """The database can't carry out a statement."""
