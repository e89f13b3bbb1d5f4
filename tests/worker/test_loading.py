"""Import paths, and things that are no application."""

import functools
import sys
from pathlib import Path
from typing import Any

import pytest

from fairway.errors import ConfigurationError
from fairway.routing import route
from fairway.worker import check_target, load_target

SOURCE = """
from fairway.routing import route
async def application(scope, receive, send): ...
class Inner:
    application = application
routes = [route("x", print)]
number = 5
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some_app.py").write_text(SOURCE)
    (tmp_path / "broken_app.py").write_text("import no_such_library\n")
    (tmp_path / "raising_app.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ["some_app", "broken_app", "raising_app"]:
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    "path", ["some_app:application", "some_app.application", "some_app:Inner.application"]
)
def test_an_application_is_found(path: str) -> None:
    application: Any = load_target(path)
    assert application.__name__ == "application"


def test_routes_are_found() -> None:
    assert load_target("some_app:routes") == [route("x", print)]


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("", r"'' is no import path: write 'package.module:name'"),
        ("some_app", r"'some_app' is no import path"),
        ("some_app:", r"'some_app:' is no import path"),
        (":application", r"':application' is no import path"),
        ("no_such_app:application", r"there is no module 'no_such_app'; is it spelled right"),
        ("some_app.sub:application", r"there is no module 'some_app.sub'"),
        ("some_app:aplication", r"some_app has no 'aplication'; did you mean 'application'\?"),
        ("some_app:xyz", r"some_app has no 'xyz'$"),
        ("some_app:number", r"some_app:number is a int; a worker runs an ASGI 3 application or"),
        ("..x:y", r"can't load '..x:y'"),
    ],
)
def test_paths_that_lead_nowhere(path: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        load_target(path)


def test_what_a_module_raises_comes_through() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        load_target("broken_app:application")
    with pytest.raises(ZeroDivisionError):
        load_target("raising_app:application")


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...
def wsgi(environ: Any, start_response: Any) -> None: ...
def asgi2(scope: Any) -> None: ...
def factory() -> None: ...
def many(a: Any, b: Any, c: Any, d: Any) -> None: ...
async def flexible(*args: Any) -> None: ...
async def with_options(scope: Any, receive: Any, send: Any, extra: int = 1) -> None: ...
async def with_default(scope: Any, receive: Any, send: Any = None) -> None: ...


class Callable:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


@pytest.mark.parametrize(
    "application",
    [
        asgi,
        Callable(),
        functools.partial(asgi),
        flexible,
        with_options,
        with_default,
        functools.partial(many, 1),
    ],
)
def test_applications(application: Any) -> None:
    assert check_target(application) is application


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        (wsgi, r"wsgi takes \(environ, start_response\): a WSGI application \(Django has get_asgi"),
        (asgi2, r"asgi2 takes \(scope\): an ASGI 2 application, or a function that makes one"),
        (factory, r"factory takes no arguments: is it a function that makes the application\?"),
        (many, r"many takes \(a, b, c, d\), where an application takes scope, receive, send"),
        (Callable, r"Callable is a class, so an ASGI 2 application or one that wants to be"),
        ("", r"'' is no import path"),
        (5, r"5 is a int; a worker runs"),
        (route("x", print), r"is a Route; a worker runs"),
        ({}, r"\{\} is a dict; a worker runs"),
        ([], r"\[\] is an empty list of routes: nothing to serve"),
    ],
)
def test_what_is_no_application(target: Any, complaint: str) -> None:
    from fairway.memory import InMemoryChannelLayer
    from fairway.worker import Worker

    with pytest.raises(ConfigurationError, match=complaint):
        Worker(InMemoryChannelLayer(), target)
