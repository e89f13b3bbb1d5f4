"""A process that forks while its threads are at the database."""

import pickle

from fairway.conformance.elsewhere import around_fork
from fairway.database import DatabaseChannelLayer

#: Of forks at a random moment, one in seventeen met a lock on SQLite's file.
FORKS = 60


def test_forks_at_random_moments(sqlite: object) -> None:
    recipe = pickle.dumps(
        (DatabaseChannelLayer, {"alias": "sqlite", "prefix": "forks", "heartbeat": 0.3, "lease": 3})
    )
    for _ in range(FORKS):
        answer = around_fork(recipe)
        assert answer["child_got"] == "child"
        assert answer["parent_got"] == "parent"
