"""A project that used a peer: it starts here unchanged, and is told what changes."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.redis_server import RedisServer
from channels.layers import InMemoryChannelLayer
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer
from django_support import run
from scripts.peer_tables import PAGE, rendered

from fairway.django import peers

#: All that the documentation of channels_redis has, at once.
CORE = r"""{
    "hosts": ["redis://127.0.0.1:6379/0"],
    "prefix": "site",
    "expiry": 30,
    "group_expiry": 600,
    "capacity": 1500,
    "channel_capacity": {"http.request": 200, re.compile(r"^websocket.send\!.+"): 20},
    "symmetric_encryption_keys": ["a secret key of many letters"],
    "random_prefix_length": 16,
    "serializer_format": "json",
}"""
PUBSUB = """{
    "hosts": [{"address": "redis://127.0.0.1:6379/0"}],
    "prefix": "site",
    "on_disconnect": "redis.disconnect",
    "on_reconnect": "redis.reconnect",
    "symmetric_encryption_keys": ["a secret key of many letters"],
    "serializer_format": "msgpack",
}"""


@pytest.mark.parametrize("config", [CORE, PUBSUB], ids=["core", "pubsub"])
def test_a_project_starts_unchanged_but_for_its_backend(config: str) -> None:
    with RedisServer() as server:
        run(f"""
            import asyncio, re
            config = {" ".join(config.replace("6379", str(server.port)).split())}
            set_up("channels", CHANNEL_LAYERS={{"default": {{**REDIS, "CONFIG": config}}}})
            assert problems(deploy=True) == []
            from asgiref.sync import async_to_sync
            from channels.layers import get_channel_layer

            async def main():
                layer = get_channel_layer()
                channel = await layer.new_channel()
                await layer.group_add("room", channel)
                await asyncio.to_thread(async_to_sync(layer.group_send), "room", {{"type": "x"}})
                assert await asyncio.wait_for(layer.receive(channel), 30) == {{"type": "x"}}
                await layer.close()

            asyncio.run(main())
            """)


# -- fairway check-settings -------------------------------------------------------------------


def check(
    project: Path, settings: str, *words: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`fairway check-settings` in a project with these settings; all it says is in ``stdout``."""
    (project / "site_settings.py").write_text(f"import re\n{settings}\n")
    known = {name: value for name, value in os.environ.items() if name[:6] != "DJANGO"}
    return subprocess.run(
        [sys.executable, "-m", "fairway", "check-settings", *(words or ["site_settings"])],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, cwd=project,
        env={**known, "COLUMNS": "100", **environment},
    )  # fmt: skip


def layers(backend: str, config: str) -> str:
    return f"CHANNEL_LAYERS = {{'default': {{'BACKEND': {backend!r}, 'CONFIG': {config}}}}}"


@pytest.mark.parametrize(
    ("peer", "config"), [(peers.CORE, CORE), (peers.PUBSUB, PUBSUB)], ids=["core", "pubsub"]
)
def test_a_documented_configuration_stays(peer: peers.Peer, config: str, tmp_path: Path) -> None:
    ended = check(tmp_path, layers(peer.path, config))
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.startswith(
        f"\nCHANNEL_LAYERS['default']: {peer.path}\n"
        '  → write "BACKEND": "fairway.redis.RedisChannelLayer"\n  → leave CONFIG as it is\n'
    )
    told = " ".join(ended.stdout.split())
    for name in eval(config, {"re": __import__("re")}):
        assert f"{peer.options[name].words}" in told, name
    for name, change in peer.behaviours.items():
        assert f"{name}: {change.words}" in told
        assert f"→ {change.do}" in told


def test_what_pubsub_ignored_is_left_out(tmp_path: Path) -> None:
    config = '{"hosts": [("localhost", 6379)], "retries": 5, "capacity": 7}'
    ended = check(tmp_path, layers(peers.PUBSUB.path, config))
    assert ended.returncode == 0
    assert "→ leave out 'retries' in CONFIG" in ended.stdout
    assert "capacity: is ignored there, and heeded here" in ended.stdout


POSTGRES = """
DATABASES = {
    "default": {"ENGINE": "django.db.backends.postgresql", "NAME": "app"},
    "channels_postgres": {"ENGINE": "django.db.backends.postgresql", "NAME": "layer",
                          "HOST": "db", "PORT": 5432},
}
"""
CONNECTION = (
    '"ENGINE": "django.db.backends.postgresql", "NAME": "layer", "HOST": "db", "PORT": "5432", '
    '"PASSWORD": "secret", "PSYCOPG_OPTIONS": {"min_size": 4}'
)


def test_channels_postgres(tmp_path: Path) -> None:
    config = f'{{{CONNECTION}, "group_expiry": 0, "expiry": 20}}'
    ended = check(tmp_path, POSTGRES + layers(peers.POSTGRES.path, config))
    assert ended.returncode == 0, ended.stdout
    assert "secret" not in ended.stdout
    for step in (
        '"BACKEND": "fairway.database.DatabaseChannelLayer"',
        "leave out 'ENGINE', 'NAME', 'HOST', 'PORT', 'PASSWORD', 'PSYCOPG_OPTIONS' in CONFIG",
        "write 'group_expiry': None in CONFIG",
        "write 'alias': 'channels_postgres' in CONFIG",
    ):
        assert f"→ {step}" in ended.stdout or f"→ write {step}" in ended.stdout
    run(f"""
        {" ".join(POSTGRES.split())}
        config = {{"alias": "channels_postgres", "group_expiry": None, "expiry": 20}}
        set_up(DATABASES=DATABASES, CHANNEL_LAYERS={{"default": {{**DATABASE, "CONFIG": config}}}})
        assert problems() == []
        """)


def test_channels_postgres_on_the_sites_own_database(tmp_path: Path) -> None:
    config = '{"ENGINE": "django.db.backends.postgresql", "NAME": "app"}'
    ended = check(tmp_path, POSTGRES + layers(peers.POSTGRES.path, config))
    assert ended.returncode == 0, ended.stdout
    assert "'alias':" not in ended.stdout


def test_what_would_not_work_is_said(tmp_path: Path) -> None:
    twice = '{"hosts": ["redis://:secret@localhost", "redis://:secret@localhost"]}'
    ended = check(tmp_path, layers(peers.CORE.path, twice))
    assert ended.returncode == 1
    assert "✗ would not work: CONFIG: hosts names 'redis://localhost' twice" in ended.stdout
    assert "secret" not in ended.stdout
    ended = check(tmp_path, layers(peers.POSTGRES.path, '{"NAME": "nobody\'s"}'))
    assert ended.returncode == 1
    assert "would not work: CONFIG: alias is 'channels_postgres'; DATABASES has" in ended.stdout


def test_several_aliases_and_a_test_config(tmp_path: Path) -> None:
    settings = f"""
CHANNEL_LAYERS = {{
    "default": {{"BACKEND": "fairway.redis.RedisChannelLayer"}},
    "memory": {{"BACKEND": {peers.MEMORY.path!r}, "TEST_CONFIG": {{"capacity": 5}}}},
    "custom": {{"BACKEND": "mysite.layers.Layer"}},
}}
"""
    ended = check(tmp_path, settings)
    assert ended.returncode == 0
    assert "['default']: fairway.redis.RedisChannelLayer\n  is Fairway's already" in ended.stdout
    assert '→ write "BACKEND": "fairway.memory.InMemoryChannelLayer"\n' in ended.stdout
    assert "→ leave TEST_CONFIG as it is" in ended.stdout
    assert "`fairway conformance mysite.layers.Layer` tells" in ended.stdout


def test_how_settings_are_found(tmp_path: Path) -> None:
    ended = check(tmp_path, "", "site_settings")
    assert ended.returncode == 0
    assert "CHANNEL_LAYERS names no layer" in ended.stdout
    known = {"DJANGO_SETTINGS_MODULE": "site_settings"}
    command = [sys.executable, "-m", "fairway", "check-settings"]
    for environment, code, words in ((known, 0, "names no layer"), ({}, 2, "mysite.settings")):
        inherited = {name: value for name, value in os.environ.items() if name[:6] != "DJANGO"}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, cwd=tmp_path,
            env={**inherited, **environment},
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert words in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("settings", "name", "words"),
    [
        ("", "nowhere", "No module named 'nowhere'"),
        ("1 / 0", "site_settings", "ZeroDivisionError"),
        ("CHANNEL_LAYERS = 5", "site_settings", "CHANNEL_LAYERS is a int; write a dict"),
        ("CHANNEL_LAYERS = {'default': {}}", "site_settings", "has no 'BACKEND'"),
    ],
)
def test_settings_that_are_none(settings: str, name: str, words: str, tmp_path: Path) -> None:
    ended = check(tmp_path, settings, name)
    assert ended.returncode == 1
    assert words in ended.stdout
    assert "src/fairway" not in ended.stdout


def test_without_django(tmp_path: Path) -> None:
    program = "import sys; sys.modules['django'] = None; from fairway.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", program, "check-settings", "site_settings"],
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr == "Error: Django is not installed here: pip install Django\n"


# -- no option is forgotten ---------------------------------------------------------------------


def parameters(*classes: type) -> set[str]:
    found = [p for each in classes for p in inspect.signature(each).parameters.values()]
    return {p.name for p in found if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}


def test_every_option_of_the_peers_is_known() -> None:
    assert parameters(RedisChannelLayer) == set(peers.CORE.options)
    pubsub = parameters(RedisPubSubChannelLayer, RedisPubSubLoopLayer) - {"channel_layer"}
    assert pubsub <= set(peers.PUBSUB.options)
    assert parameters(InMemoryChannelLayer) == set(peers.MEMORY.options)
    told = run("""
        import inspect
        set_up("channels_postgres")
        from channels_postgres.core import PostgresChannelLayer
        print(*inspect.signature(PostgresChannelLayer).parameters)
        """)
    assert set(told.split()) - {"kwargs"} <= set(peers.POSTGRES.options)


def test_the_page_has_the_same_sentences() -> None:
    """And so every option, since every option of the peers is known."""
    page = PAGE.read_text()
    assert page.count("## From `") == len(peers.PEERS)
    assert rendered(page) == page, "run `python scripts/peer_tables.py`"


# -- createchanneltables ------------------------------------------------------------------------


def test_createchanneltables_reads_the_settings(tmp_path: Path) -> None:
    """The tables of every database layer in CHANNEL_LAYERS, and a mistake there in words."""
    file = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "db.sqlite3")}
    run(f"""
        import io
        from django.core.management import CommandError, call_command
        site = {{**DATABASE, "CONFIG": {{"prefix": "site"}}}}
        set_up(DATABASES={{"default": {file}}},
               CHANNEL_LAYERS={{"default": DATABASE, "site": site, "memory": MEMORY}})
        said = io.StringIO()
        call_command("createchanneltables", stdout=said)
        assert said.getvalue().splitlines() == [
            f"The tables with prefix {{prefix!r}} are in database 'default'."
            for prefix in ("asgi", "site")]
        with override_settings(CHANNEL_LAYERS={{"default": {{"BACKEND": "nowhere.Layer"}}}}):
            try:
                call_command("createchanneltables")
            except CommandError as error:
                assert "'nowhere.Layer'" in str(error) and "write one of" in str(error), error
            else:
                raise AssertionError("it passed")
        """)
