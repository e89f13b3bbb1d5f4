"""What Django does with connections besides: pools, ages, test databases."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from benchmarks.database_servers import PostgreSQLServer
from database_support import MakeLayer, backends, know
from django.core.signals import request_finished, request_started
from django.db import connections


@pytest.fixture(params=[True, {"min_size": 1, "max_size": 1, "timeout": 5}], ids=["on", "small"])
def pooling(request: pytest.FixtureRequest, postgresql: PostgreSQLServer) -> Iterator[str]:
    """An alias whose connections Django takes from a pool of psycopg's."""
    django.setup()
    know("pooling", {**postgresql.settings, "OPTIONS": {"pool": request.param}})
    yield "pooling"
    connections["pooling"].close()
    connections["pooling"].close_pool()  # type: ignore[attr-defined]
    del connections["pooling"]


def test_an_applications_pool_is_left_to_it(pooling: str, make_layer: MakeLayer) -> None:
    layer = make_layer(pooling)
    with connections[pooling].cursor() as cursor:  # the only one, where the pool is small
        cursor.execute("SELECT 1")
        for number in range(10):
            layer.blocking.send("work", {"number": number})
            assert layer.blocking.receive("work") == {"number": number}
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == [(1,)]


@pytest.mark.parametrize("age", [0, 600, None])
def test_requests_that_end_leave_the_layers_connections_alone(
    age: int | None, postgresql: PostgreSQLServer, make_layer: MakeLayer
) -> None:
    know("ageing", {**postgresql.settings, "CONN_MAX_AGE": age})
    layer = make_layer("ageing")
    layer.blocking.send("work", {"number": 0})
    assert layer.blocking.receive("work") == {"number": 0}
    before = backends(postgresql)
    assert before
    for number in range(5):
        request_started.send(None, environ={})
        layer.blocking.send("work", {"number": number})
        request_finished.send(None)
        assert layer.blocking.receive("work") == {"number": number}
    assert backends(postgresql) == before


TESTS = """
import asyncio
from asgiref.sync import async_to_sync
from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase
from fairway.database import DatabaseChannelLayer

class Both:
    def test_round_trip(self):
        layer = DatabaseChannelLayer()
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS things (n int)")
            cursor.execute("INSERT INTO things VALUES (1)")
        async def use():
            channel = await layer.new_channel()
            await layer.group_add("group", channel)
            await layer.group_send("group", {"n": 1})
            assert await layer.receive(channel) == {"n": 1}
            await layer.close()
        async_to_sync(use)()

    def test_on_commit(self):
        layer, told = DatabaseChannelLayer(), []
        with transaction.atomic():
            transaction.on_commit(lambda: told.append(layer.blocking.send("work", {"n": 2})))
        if told:
            assert layer.blocking.receive("work") == {"n": 2}
        async_to_sync(layer.close)()

class InTransaction(Both, TestCase): pass
class Outside(Both, TransactionTestCase): pass

of_a_project = DatabaseChannelLayer()  # which nobody closes
of_a_project.blocking.send("before", {"n": 0})

class OfAProject(TransactionTestCase):
    def test_a_layer_that_stays_open(self):
        of_a_project.blocking.send("work", {"n": 3})
        assert of_a_project.blocking.receive("work") == {"n": 3}
        assert of_a_project.blocking.receive("before", timeout=0) is None
"""

SETTINGS = """
import json, os
import benchmarks.django_settings
DATABASES = {"default": json.loads(os.environ["DATABASE"])}
INSTALLED_APPS = ["fairway.django"]
USE_TZ = True
"""


@pytest.mark.parametrize("parallel", [[], ["--parallel", "2"]], ids=["alone", "parallel"])
def test_under_djangos_test_runner(tmp_path: Path, alias: str, parallel: list[str]) -> None:
    """On SQLite its database is in memory, where the layer's file is the process's own."""
    settings: dict[str, Any] = dict(connections.settings[alias])
    used = {key: settings[key] for key in ("ENGINE", "NAME", "USER", "HOST", "PORT")}
    used["TEST"] = {"NAME": None if alias == "sqlite" else f"test_{tmp_path.name}"}
    (tmp_path / "tests.py").write_text(TESTS)
    (tmp_path / "settings.py").write_text(SETTINGS)
    path = os.pathsep.join([".", *filter(None, sys.path)])
    environment = {
        **os.environ, "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "settings",
        "DATABASE": json.dumps(used),
    }  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "-m", "django", "test", "--noinput", *parallel],
        cwd=tmp_path, capture_output=True, text=True, timeout=250, env=environment,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "Ran 5 tests" in ended.stderr
