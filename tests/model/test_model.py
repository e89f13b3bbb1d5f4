"""The contract against one model, on every store: see model_machine.py.

``FAIRWAY_MODEL_EXAMPLES=5000`` makes a run longer, ``FAIRWAY_MODEL_SEED`` repeats one.
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.database_servers import MariaDBServer, PostgreSQLServer
from benchmarks.redis_server import servers
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from model_backends import Backend, Database, Memory, Redis, know_database
from model_machine import LayerMachine
from model_nodes import Loops

UNDER_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")
EXAMPLES = int(os.environ.get("FAIRWAY_MODEL_EXAMPLES", "0"))


@pytest.fixture
def loops() -> Iterator[Loops]:
    with Loops() as running:
        yield running


def check(backend: Backend, loops: Loops, examples: int) -> None:
    """Run the machine on a backend."""
    # Under CI always the same, as in all tests with hypothesis: what fails is the change's doing.
    number = int(os.environ.get("FAIRWAY_MODEL_SEED") or (1 if UNDER_CI else secrets.randbits(32)))
    print(f"FAIRWAY_MODEL_SEED={number}")

    def machine() -> LayerMachine:
        return LayerMachine(backend, loops)

    try:
        run_state_machine_as_test(
            seed(number)(machine),  # type: ignore[arg-type]
            settings=settings(
                max_examples=EXAMPLES or examples,
                stateful_step_count=int(os.environ.get("FAIRWAY_MODEL_STEPS", "30")),
                derandomize=False,
                database=None,
                print_blob=True,
                # Where each failure takes all the patience there is, shrinking takes too long.
                phases=[Phase.generate] if backend.slow else [Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            ),
        )
    except BaseException:
        # Hypothesis shows the calls of its shortest example; what they met may differ each time.
        print("What happened in the last example that failed:", *backend.failure, sep="\n  ")
        raise
    finally:
        backend.close()


def test_memory(loops: Loops) -> None:
    check(Memory(), loops, 200)


@pytest.mark.parametrize("shards", [1, 3])
def test_redis(loops: Loops, shards: int) -> None:
    with servers(shards) as started:
        check(Redis(started), loops, 20)


def test_sqlite(loops: Loops, tmp_path: Path) -> None:
    know_database("model", {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "db")})
    check(Database("model"), loops, 6)


@pytest.mark.parametrize("server", [PostgreSQLServer, MariaDBServer])
def test_database(loops: Loops, server: type[PostgreSQLServer | MariaDBServer]) -> None:
    import benchmarks.django_settings  # noqa: F401  # finds a driver

    with server() as started:
        know_database("model", started.settings)
        check(Database("model"), loops, 6)
