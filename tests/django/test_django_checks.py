"""The system checks: each is triggered, and says what to write instead."""

from pathlib import Path

import benchmarks.django_settings  # noqa: F401  # finds a driver for MariaDB
import pytest
from benchmarks.database_servers import MariaDBServer, PostgreSQLServer
from benchmarks.ports import free_port
from benchmarks.redis_server import RedisServer
from django_support import manage, run

#: What routing can be, and can't.
ROUTES = """
from fairway.routing import include, route

def consumer(message): ...
async def application(scope, receive, send): ...
def wsgi(environ, start_response): ...
class Old:
    def __init__(self, scope): ...

good = [route("websocket.receive", consumer), include("routes.inner")]
inner = [route("websocket.receive", "routes.consumer")]
bad_consumer = [route("websocket.receive", "routes.nothing")]
bad_entry = [consumer]
empty = []
number = 5
"""


def test_good_settings_have_no_problem() -> None:
    run("""
        set_up("channels", CHANNEL_LAYERS={
            "default": {**REDIS, "CONFIG": {"hosts": [("localhost", 6379)], "expiry": 30}},
            "memory": {**MEMORY, "CONFIG": {"capacity": 5}, "TEST_CONFIG": {"capacity": 1}},
            "theirs": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
                       "CONFIG": {"hosts": [("localhost", 6379)]}},
        })
        assert problems() == []
        for nothing in ({}, None):
            assert problems(CHANNEL_LAYERS=nothing) == []
        assert problems(deploy=True, CHANNEL_LAYERS={}) == []
        """)


def test_the_form_of_the_setting() -> None:
    run("""
        set_up()
        def wrong(layers, *words):
            says(problems(CHANNEL_LAYERS=layers), "E001", *words)
        wrong([MEMORY], "CHANNEL_LAYERS is a list", '{"default": {"BACKEND"')
        wrong({"default": "fairway.redis.RedisChannelLayer"}, "['default'] is 'fairway.redis", "{")
        wrong({"default": {}}, "['default'] has no 'BACKEND'", '"BACKEND": "fairway.redis')
        wrong({"default": {"BACKEND": 5}}, "['default']['BACKEND'] is 5", "import path")
        wrong({"default": {**MEMORY, "CONFIG": []}}, "['default']['CONFIG'] is a list", "a dict")
        wrong({"a": MEMORY, "b": {**MEMORY, "TEST_CONFIG": 5}}, "['b']['TEST_CONFIG'] is a int")
        says(problems(CHANNEL_LAYERS={"default": {**MEMORY, "CONFGI": {}}}),
             "W003", "a key 'CONFGI'", "'CONFIG' instead")
        says(problems(CHANNEL_LAYERS={"default": {**MEMORY, 5: {}}}), "W003", "'BACKEND', 'CON")
        """)


def test_backends() -> None:
    run("""
        set_up()
        def wrong(path, *words):
            says(problems(CHANNEL_LAYERS={"default": {"BACKEND": path}}), "E002", *words)
        wrong("fairway.redis.RedisChanelLayer", "Did you mean 'fairway.redis.RedisChannelLayer'?")
        wrong("asgi_redis.RedisChannelLayer", "Did you mean 'fairway.redis.RedisChannelLayer'?")
        wrong("fairway.redis.Layer", "Did you mean 'fairway.redis.RedisChannelLayer'?")
        wrong("channels_redis.corre.RedisChannelLayer", "'channels_redis.core.RedisChannelLayer'?")
        wrong("layer", "Write one of 'fairway.redis.RedisChannelLayer', 'fairway.database")
        wrong("math.pi", "3.14", "no class")
        wrong("settings..x", "Write one of")
        """)


def test_a_backend_that_raises_when_it_is_imported(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise RuntimeError('out of order')")
    run(
        """
        sys.path.insert(0, ".")
        set_up(CHANNEL_LAYERS={"default": {"BACKEND": "broken.Layer"}})
        says(problems(), "E002", "broken.Layer", "out of order")
        """,
        cwd=tmp_path,
    )


@pytest.mark.parametrize(
    ("package", "layer", "command"),
    [
        ("redis", {"BACKEND": "fairway.redis.RedisChannelLayer"}, "pip install 'fairway[redis]'"),
        (
            "cryptography",
            {
                "BACKEND": "fairway.redis.RedisChannelLayer",
                "CONFIG": {"symmetric_encryption_keys": ["secret"]},
            },
            "pip install 'fairway[crypto]'",
        ),
        (
            "channels_redis",
            {"BACKEND": "channels_redis.core.RedisChannelLayer"},
            "pip install 'channels-redis'",
        ),
        (
            "psycopg, psycopg2",
            {"BACKEND": "fairway.database.DatabaseChannelLayer", "CONFIG": {"alias": "other"}},
            "pip install 'fairway[postgres]'",
        ),
    ],
    ids=["redis", "crypto", "peer", "postgres"],
)
def test_a_missing_extra(package: str, layer: dict[str, object], command: str) -> None:
    missing = "".join(f"sys.modules[{name!r}] = None\n" for name in package.split(", "))
    run(
        f"""
        databases = {{"default": {{}}, "other": {{"ENGINE": "django.db.backends.postgresql"}}}}
        set_up(CHANNEL_LAYERS={{"default": {layer!r}}}, DATABASES=databases)
        says(problems(), "E003", "is not installed", {command!r})
        from fairway.django import get_channel_layer
        check_refused(get_channel_layer, {command!r})
        """,
        start=f"import sys\n{missing}",
    )


def test_configurations() -> None:
    run("""
        set_up()
        def wrong(layer, config, *words, key="CONFIG"):
            layers = {"default": {**layer, key: config}}
            says(problems(CHANNEL_LAYERS=layers), "E004", f"['default']['{key}']", *words)
        wrong(REDIS, {"host": ["redis://localhost"]}, "no option 'host'", "'hosts' instead of")
        wrong(REDIS, {"hosts": "redis://localhost"}, "hosts is 'redis://localhost'", "[")
        wrong(REDIS, {"expiry": "60"}, "expiry is '60'", "Correct the value")
        wrong(MEMORY, {"hosts": []}, "no option 'hosts'", "Leave 'hosts' out")
        wrong(MEMORY, {"capactiy": 5}, "'capacity' instead of 'capactiy'", key="TEST_CONFIG")
        wrong(MEMORY, {5: 5}, "string")
        wrong(DATABASE, {"alias": "nowhere"}, "alias is 'nowhere'")
        pubsub = {"BACKEND": "channels_redis.core.RedisChannelLayer"}
        wrong(pubsub, {"serializer_format": "xml"}, "xml")
        """)


def test_one_layer_can_have_several_problems() -> None:
    run("""
        set_up("channels", CHANNEL_LAYERS={
            "default": {**MEMORY, "CONFIG": {"expiry": 0}, "ROUTING": "nowhere.routes", "X": 5},
            "other": {"BACKEND": "nowhere.Layer"},
        })
        assert sorted(each.id[-4:] for each in problems()) == [
            "E002", "E004", "E005", "E007", "W003"]
        """)


def test_routing(tmp_path: Path) -> None:
    (tmp_path / "routes.py").write_text(ROUTES)
    (tmp_path / "broken.py").write_text("raise RuntimeError('out of order')")
    run(
        """
        sys.path.insert(0, ".")
        set_up()
        def found(routing):
            return problems(CHANNEL_LAYERS={"default": {**MEMORY, "ROUTING": routing}})
        for path in ("routes.good", "routes:good", "routes.application"):
            assert found(path) == []
            assert problems(CHANNEL_ROUTING=path) == []
        import routes
        assert found(routes.good) == found(routes.application) == []
        where = "CHANNEL_LAYERS['default']['ROUTING']"
        example = "route('websocket.receive', consumer)"
        says(found("routs.good"), "E005", where, "no module 'routs'", example)
        says(found("routes.goood"), "E005", where, "did you mean 'good'")
        says(found("routes"), "E005", where, "no import path")
        says(found("broken.routes"), "E005", where, "out of order")
        says(found("routes.number"), "E006", where, "int", example)
        says(found("routes.wsgi"), "E006", "WSGI")
        says(found("routes.Old"), "E006", "ASGI 2")
        says(found("routes.empty"), "E006", "empty")
        says(found("routes.bad_entry"), "E006", "route(channel, consumer")
        says(found("routes.bad_consumer"), "E006", "no 'nothing'")
        says(found(5), "E006", "int")
        says(problems(CHANNEL_ROUTING="routes.number"), "E006", "CHANNEL_ROUTING")
        """,
        cwd=tmp_path,
    )


def test_workers_on_a_layer_that_can_have_none(tmp_path: Path) -> None:
    (tmp_path / "routes.py").write_text(ROUTES)
    run(
        """
        sys.path.insert(0, ".")
        set_up()
        for path in ("core.RedisChannelLayer", "pubsub.RedisPubSubChannelLayer"):
            theirs = {"BACKEND": f"channels_redis.{path}"}
            assert problems(CHANNEL_LAYERS={"default": theirs}) == []
            for changes in (
                {"CHANNEL_LAYERS": {"default": {**theirs, "ROUTING": "routes.good"}}},
                {"CHANNEL_LAYERS": {"default": theirs}, "CHANNEL_ROUTING": "routes.good"},
            ):
                says(problems(**changes), "E010", "['default']", "receive_many", "fairway.redis")
            layers = {"default": MEMORY, "other": theirs}
            assert problems(CHANNEL_LAYERS=layers, CHANNEL_ROUTING="routes.good") == []
        """,
        cwd=tmp_path,
    )


def test_routing_beside_channels(tmp_path: Path) -> None:
    (tmp_path / "routes.py").write_text(ROUTES)
    run(
        """
        sys.path.insert(0, ".")
        set_up("channels")
        found = problems(CHANNEL_LAYERS={"default": {**MEMORY, "ROUTING": "routes.good"}})
        says(found, "E007", "key 'ROUTING'", "CHANNEL_ROUTING = 'routes.good'")
        """,
        cwd=tmp_path,
    )


STATIC, OURS = "django.contrib.staticfiles", "fairway.django"


@pytest.mark.parametrize(
    ("apps", "routing", "wanted"),
    [
        ([OURS, "daphne", STATIC], "routes.good", None),
        ([STATIC, OURS], "routes.good", "E008"),
        ([STATIC, OURS], None, "W005"),
        (["daphne", OURS, STATIC], "routes.good", "E008"),
        (["daphne", OURS, STATIC], None, None),
    ],
)
def test_who_brings_runserver(
    tmp_path: Path, apps: list[str], routing: str | None, wanted: str | None
) -> None:
    (tmp_path / "routes.py").write_text(ROUTES)
    run(
        f"""
        sys.path.insert(0, ".")
        settings.configure(INSTALLED_APPS={apps}, STATIC_URL="static/", CHANNEL_ROUTING={routing!r})
        django.setup()
        wanted, first = {wanted!r}, {apps[0]!r}
        if wanted:
            says(problems(), wanted, f"that of {{first!r}}", f"before {{first!r}} in INSTALLED")
        else:
            assert problems() == []
        """,
        cwd=tmp_path,
    )


def test_memory_in_production() -> None:
    run("""
        set_up()
        theirs = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
        for layer in (MEMORY, theirs):
            layers = {"default": layer}
            assert problems(CHANNEL_LAYERS=layers) == []
            says(problems(deploy=True, CHANNEL_LAYERS=layers),
                 "W001", layer["BACKEND"].rpartition(".")[2], "'fairway.redis.RedisChannelLayer'")
        """)


def test_hosts_that_do_not_answer() -> None:
    """All are asked at once, so that one which swallows packets costs its two seconds once."""
    with RedisServer() as server:
        server.admin.config_set("requirepass", "secret")
        run(f"""
            import socket, time
            set_up()
            def found(*hosts):
                layers = {{"default": {{**REDIS, "CONFIG": {{"hosts": list(hosts)}}}}}}
                assert problems(CHANNEL_LAYERS=layers) == []
                return problems(deploy=True, CHANNEL_LAYERS=layers)
            good = "redis://:secret@127.0.0.1:{server.port}"
            nobody = ("127.0.0.1", {free_port()})
            assert found(good) == []
            says(found(good, nobody), "W002", "['default']", "{free_port.__name__ and ""}127.0.0.1")
            says(found(("127.0.0.1", {server.port})), "W002", "Authentication", "password")
            says(found("redis://:wrong@127.0.0.1:{server.port}"), "W002", "invalid")
            with socket.create_server(("127.0.0.1", 0)) as silent:
                before = time.monotonic()
                mute = silent.getsockname()
                assert len(found(mute, {{"host": mute[0], "port": mute[1], "name": "b"}})) == 2
                print(f"{{time.monotonic() - before:.1f}} s")
            wrong = {{"default": {{**REDIS, "CONFIG": {{"hosts": 5}}}}}}
            says(problems(deploy=True, CHANNEL_LAYERS=wrong), "E004", "hosts is 5")
            """)


# -- databases ------------------------------------------------------------------------------

DATABASES = """
set_up(CHANNEL_LAYERS={{"default": DATABASE}}, DATABASES={{"default": {settings!r}}})
def found(*databases, **changes):
    return problems(databases=databases, **changes)
def create():
    from fairway.database.connection import Connection
    Connection("default", "asgi").close()
"""


def test_tables_on_sqlite(tmp_path: Path) -> None:
    engine = "django.db.backends.sqlite3"
    run(f"""
        def on(alias):
            return {{**DATABASE, "CONFIG": {{"alias": alias}}}}
        set_up(CHANNEL_LAYERS={{"default": DATABASE, "b": on("b")}},
               DATABASES={{"default": {{"ENGINE": {engine!r}, "NAME": {str(tmp_path / "a")!r}}},
                          "b": {{"ENGINE": {engine!r}, "NAME": {str(tmp_path / "no" / "b")!r}}},
                          "c": {{"ENGINE": {engine!r}, "NAME": ":memory:"}}}})
        assert problems(databases=["default"]) == []
        assert problems() == []
        says(problems(databases=["default", "b"]), "E009", "['b']", "fairway1_asgi_nodes",
             "manage.py createchanneltables --database b")
        assert problems(databases=["c"], CHANNEL_LAYERS={{"default": on("c")}}) == []
        """)


def test_tables_on_postgresql() -> None:
    with PostgreSQLServer() as server:
        server.ask("CREATE ROLE app LOGIN")
        server.ask("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        run(
            DATABASES.format(settings=server.settings)
            + f"""
assert found("default") == []
assert found() == []
from django.db import connections
app = {{"ENGINE": "django.db.backends.postgresql", **{server.settings!r}, "USER": "app"}}
connections.settings["app"] = {{**connections.settings["default"], **app}}
as_app = {{"default": {{**DATABASE, "CONFIG": {{"alias": "app"}}}}}}
says(found("app", CHANNEL_LAYERS=as_app), "E009", "createchanneltables --database app", "'app'")
create()
assert found("app", CHANNEL_LAYERS=as_app) == found("default") == []
nobody = {{**app, "PORT": {free_port()}}}
connections.settings["away"] = {{**connections.settings["default"], **nobody}}
away = {{"default": {{**DATABASE, "CONFIG": {{"alias": "away"}}}}}}
says(found("away", CHANNEL_LAYERS=away), "W002", "'away'", "DATABASES['away']")
"""
        )


def test_tables_on_mariadb() -> None:
    """Nobody can tell beforehand whether an account may create tables there."""
    with MariaDBServer() as server:
        run(
            DATABASES.format(settings=server.settings)
            + """
says(found("default"), "W004", "fairway1_asgi_queue", "on first use", "createchanneltables")
create()
assert found("default") == []
""",
            start="import benchmarks.django_settings\n",
        )


# -- in a project ---------------------------------------------------------------------------


def test_in_a_project(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text(
        "SECRET_KEY = 'x'\nINSTALLED_APPS = ['fairway.django']\n"
        "CHANNEL_LAYERS = {'default': {'BACKEND': 'fairway.redis.RedisChanelLayer'}}\n"
    )
    ended = manage(tmp_path, "check")
    assert ended.returncode == 1
    assert "(fairway.E002) CHANNEL_LAYERS['default']['BACKEND'] is" in ended.stderr
    assert "HINT: Did you mean 'fairway.redis.RedisChannelLayer'?\n" in ended.stderr
