"""Channels' tutorial, all of it, in a browser, on each backend."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from benchmarks.ports import free_port
from channels_support import PATIENCE, Backend, Process, finished
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from tutorial_project import PARTS, build, on_backend
from tutorial_text import write_files

CHROMIUM = "/usr/bin/chromium"

# The page's sockets, so that nobody types before they are open.
REMEMBER_SOCKETS = """
    window.sockets = [];
    window.WebSocket = class extends WebSocket {
        constructor(...options) { super(...options); sockets.push(this); }
    };
"""
OPEN = "sockets.length === 1 && sockets[0].readyState === WebSocket.OPEN"

#: Its sync interface runs a loop in the thread of the tests.
OF_PLAYWRIGHT = {"DJANGO_ALLOW_ASYNC_UNSAFE": "true"}
#: Which the tutorial's own words use: it looks for a browser to download otherwise.
OF_SELENIUM = {"SE_OFFLINE": "true", "SE_AVOID_STATS": "true"}
#: A Chrome for those words, which expect a screen.
HEADLESS = f"""#!/bin/sh
exec {CHROMIUM} --headless --no-sandbox --disable-gpu "$@"
"""


class Site(NamedTuple):
    """The tutorial's project on a backend."""

    project: Path
    env: dict[str, str]


@pytest.fixture(scope="module")
def env() -> dict[str, str]:
    """None of another project's settings."""
    kept = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, env: dict[str, str]) -> Path:
    return build(tmp_path_factory.mktemp("tutorial"), env)


@pytest.fixture(params=PARTS)
def part(request: pytest.FixtureRequest) -> str:
    """The consumer of part 2 is synchronous, that of part 3 asynchronous."""
    return str(request.param)


@pytest.fixture
def site(built: Path, part: str, backend: Backend, folder: Path, env: dict[str, str]) -> Site:
    return Site(on_backend(built, folder, part, backend), env)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture
def url(site: Site, folder: Path) -> Iterator[str]:
    """`manage.py runserver`, with its reloader, as the tutorial says."""
    port = free_port()
    # Daphne drops a socket that isn't open after five seconds.
    command = ["manage.py", "runserver", str(port), "--websocket_handshake_timeout", "60"]
    with Process(*command, cwd=site.project, env=site.env, log=folder / "log") as process:
        process.listens_on(port)
        assert "Starting ASGI/Daphne" in process.said()
        yield f"http://127.0.0.1:{port}"
        process.send(signal.SIGINT)


@pytest.fixture
def windows(browser: Browser, url: str) -> Iterator["Windows"]:
    context = browser.new_context(base_url=url)
    context.set_default_timeout(PATIENCE * 1000)
    context.add_init_script(REMEMBER_SOCKETS)
    windows = Windows(context)
    yield windows
    context.close()
    assert windows.errors == []


class Windows:
    """Of a browser, each with a person in a room."""

    def __init__(self, context: BrowserContext):
        self._context = context
        self.errors: list[str] = []

    def enter(self, room: str) -> Page:
        page = self._context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto("/chat/")
        page.keyboard.type(room)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/chat/{room}/")
        page.wait_for_function(OPEN)
        return page


def say(page: Page, text: str) -> None:
    page.fill("#chat-message-input", text)
    page.press("#chat-message-input", "Enter")


def expect_log(page: Page, text: str) -> None:
    expect(page.locator("#chat-log")).to_have_value(text, timeout=PATIENCE * 1000)


def test_rooms_in_a_browser(windows: Windows) -> None:
    """Parts 2 and 3: two windows of a room see both's messages, a third elsewhere none."""
    one, two, other = [windows.enter(room) for room in ("lobby", "lobby", "other")]
    say(one, "hello")
    expect_log(one, "hello\n")
    expect_log(two, "hello\n")
    say(two, "hello yourself <b>⛵</b>")
    for page in (one, two):
        expect_log(page, "hello\nhello yourself <b>⛵</b>\n")
    say(other, "anybody?")
    expect_log(other, "anybody?\n")
    two.close()
    say(one, "still here")
    expect_log(one, "hello\nhello yourself <b>⛵</b>\nstill here\n")


@pytest.mark.parametrize("part", PARTS[-1:])
def test_its_own_tests_pass(site: Site, tmp_path: Path) -> None:
    """Part 4: `manage.py test chat.tests`, a browser and a live server in each."""
    chrome = tmp_path / "chrome"
    chrome.write_text(HEADLESS)
    chrome.chmod(0o700)
    env = {**site.env, **OF_PLAYWRIGHT, **OF_SELENIUM, "SE_BROWSER_PATH": str(chrome)}
    ran = finished("manage.py", "test", "chat.tests", "--noinput", cwd=site.project, env=env)
    assert "Ran 2 tests" in ran.stdout
    assert "\nOK" in ran.stdout


TEXT = """
Put this into ``chat/views.py``:

.. code-block:: python

    # chat/views.py
    {line}

    def index(request):
        return request

And this, with ``mysite/settings.py``::

    <!-- chat/templates/index.html -->
    <p>{line}</p>

.. note::
    # mysite/settings.py
    nothing
"""


def test_its_text_is_taken_word_for_word(tmp_path: Path) -> None:
    (tmp_path / "tutorial").mkdir()
    for part in ("part_1", "part_2", "part_3", "part_4"):
        (tmp_path / "tutorial" / f"{part}.rst").write_text(TEXT.format(line=part))
    written = write_files(tmp_path, tmp_path / "site")
    assert written == ["chat/templates/index.html", "chat/views.py"]
    views = (tmp_path / "site" / "chat" / "views.py").read_text()
    assert views.strip() == "part_4\n\ndef index(request):\n    return request"
    page = (tmp_path / "site" / "chat" / "templates" / "index.html").read_text()
    assert page.strip() == "<p>part_4</p>"


SHELL = """
import channels.layers
from asgiref.sync import async_to_sync
channel_layer = channels.layers.get_channel_layer()
async_to_sync(channel_layer.send)("test_channel", {"type": "hello"})
print(async_to_sync(channel_layer.receive)("test_channel"))
"""


@pytest.mark.parametrize("part", PARTS[:1])
def test_its_shell_talks_to_the_layer(site: Site) -> None:
    """Part 2, before the consumer uses it."""
    ran = finished("manage.py", "shell", "-c", SHELL, cwd=site.project, env=site.env)
    assert ran.stdout.splitlines()[-1] == "{'type': 'hello'}"
