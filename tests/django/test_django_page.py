"""What docs/django.md says holds: its code runs in a project, and its checks are all there are."""

import re
from pathlib import Path

from benchmarks.redis_server import RedisServer
from django_support import manage, run

import fairway.django.checks

PAGE = (Path(__file__).parents[2] / "docs" / "django.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

#: What the page takes for granted.
SETTINGS = """
import sys
SECRET_KEY = "x"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
ROOT_URLCONF = "urls"
STATIC_URL = "static/"
"""
URLS = """
from django.urls import path
from views import announce
urlpatterns = [path("announce", announce)]
"""
ROUTING = """
from fairway.routing import route
def consumer(message): ...
channel_routing = [route("websocket.receive", consumer)]
"""


def block(holding: str) -> str:
    (found,) = [code for code in BLOCKS if holding in code]
    return str(found)


def write(project: Path, settings: str, port: int) -> None:
    (project / "settings.py").write_text(SETTINGS + settings.replace("6379", str(port)))
    (project / "urls.py").write_text(URLS)
    (project / "views.py").write_text(block("def announce"))
    (project / "tests.py").write_text(block("class NewsTest"))
    (project / "mysite").mkdir()
    (project / "mysite" / "routing.py").write_text(ROUTING)


def test_the_project(tmp_path: Path) -> None:
    with RedisServer() as server:
        write(tmp_path, block("CHANNEL_LAYERS = {"), server.port)
        for command in (["check", "--deploy", "--fail-level", "ERROR"], ["test"]):
            ended = manage(tmp_path, *command)
            assert ended.returncode == 0, ended.stderr
            assert "fairway.W" not in ended.stderr
        assert "Ran 1 test" in ended.stderr


def test_the_project_beside_channels(tmp_path: Path) -> None:
    with RedisServer() as server:
        settings = re.sub(r' *"ROUTING".*\n', "", block("CHANNEL_LAYERS = {"))
        settings += block("CHANNEL_ROUTING") + "INSTALLED_APPS.append('channels')\n"
        write(tmp_path, settings, server.port)
        ended = manage(tmp_path, "test")
        assert ended.returncode == 0, ended.stderr
        assert "Ran 1 test" in ended.stderr


def test_the_code_in_between() -> None:
    assert run(f"""
        set_up(CHANNEL_LAYERS={{"default": MEMORY}})
        exec({block("channel_layers,")!r})
        """) == "['default']\n"  # fmt: skip


def test_every_code_is_run_here() -> None:
    assert len(BLOCKS) == 5


def test_the_table_has_every_check() -> None:
    sources = Path(fairway.django.__file__).parent.glob("*.py")
    used = set(re.findall(r"\b[EW]0\d\d\b", "".join(path.read_text() for path in sources)))
    listed = re.findall(r"^\| `fairway\.(\w+)` \|", PAGE, re.MULTILINE)
    explained = re.findall(r"^([EW]\d+)  ", str(fairway.django.checks.__doc__), re.MULTILINE)
    assert set(listed) == set(explained) == used
    assert len(listed) == len(set(listed))
