"""What the command says when it is asked, and when a user got something wrong."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .fairway_process import finished

MEMORY = "fairway.memory.InMemoryChannelLayer"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], ["dev", "serve", "worker", "conformance", "check-settings"]),
        (["dev"], ["--host", "--port", "--reload", "--log-level", "--threads", "APP"]),
        (["serve"], ["--layer", "--config", "--host", "--port", "--worker-timeout"]),
        (["worker"], ["--layer", "--config", "--threads", "--channel", "APP"]),
        (["conformance"], ["--config", "LAYER", "EMPTIED"]),
    ],
    ids=["all", "dev", "serve", "worker", "conformance"],
)
def test_help_names_what_there_is(arguments: list[str], named: list[str]) -> None:
    help_text = finished(*arguments, "--help").stdout
    assert [word for word in named if word not in help_text] == []


def test_the_installed_command_is_the_same_as_the_module() -> None:
    command = Path(sys.executable).with_name("fairway")
    shown = subprocess.check_output([command, "--help"], text=True)
    assert shown == finished("--help").stdout


def test_help_loads_nothing_that_it_does_not_need() -> None:
    program = """if True:
        import json, sys
        from fairway.cli import main
        try:
            main(["--help"])
        except SystemExit:
            pass
        print(json.dumps([name for name in sys.modules if "." not in name]))
    """
    shown = subprocess.check_output([sys.executable, "-c", program], text=True)
    loaded = set(json.loads(shown.splitlines()[-1]))
    assert "click" in loaded
    assert loaded & {"uvicorn", "watchfiles", "ormsgpack", "multiprocessing", "django"} == set()


def test_version() -> None:
    assert "fairway" in finished("--version").stdout


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("prats:application", "no module 'prats'"),
        ("parts:aplication", "did you mean 'application'?"),
        ("parts", "'parts' is no import path"),
        ("parts:number", "a worker runs an ASGI 3 application or a list of routes"),
        ("parts:wsgi", "a WSGI application"),
        ("parts:no_routes", "an empty list of routes"),
        ("parts:unwilling", "the tide is out"),
    ],
)
@pytest.mark.parametrize("reload", [[], ["--reload"]], ids=["", "reload"])
def test_a_target_that_cannot_run_is_one_sentence(
    target: str, sentence: str, reload: list[str]
) -> None:
    ended = finished("dev", target, "--port", "0", *reload)
    last = ended.stdout.splitlines()[-1]
    assert ended.returncode == 1
    assert last.startswith("Error: ")
    assert sentence in last
    assert "Traceback" not in ended.stdout


def test_what_a_module_raises_is_shown_without_our_part_of_the_traceback() -> None:
    ended = finished("dev", "broken:application", "--port", "0")
    assert ended.returncode == 1
    assert "import parts_that_are_missing" in ended.stdout
    assert "cli/dev.py" not in ended.stdout
    assert ended.stdout.splitlines()[-1].startswith("Error: 'broken:application' can't be run")


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    "command",
    [["dev", "parts:routes"], ["serve", "--layer", "parts.Pretender"]],
    ids=["dev", "serve"],
)
def test_a_port_in_use_is_one_sentence(command: list[str], taken_port: int) -> None:
    ended = finished(*command, "--port", str(taken_port))
    assert ended.returncode == 1
    assert ended.stdout == (
        f"Error: port {taken_port} on 127.0.0.1 is in use: "
        "stop what listens there, or take another --port\n"
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_a_host_that_is_not_here_is_one_sentence(host: str) -> None:
    ended = finished("dev", "parts:routes", "--host", host, "--port", "0")
    assert ended.returncode == 1
    assert "no address of this machine" in ended.stdout
    assert len(ended.stdout.splitlines()) == 1


@pytest.mark.parametrize("command", [["serve"], ["worker", "parts:routes"]], ids=lambda c: c[0])
def test_a_layer_that_stays_in_its_process_is_refused(command: list[str]) -> None:
    ended = finished(*command, "--layer", MEMORY)
    assert ended.returncode == 1
    assert ended.stdout.startswith(f"Error: {MEMORY} doesn't leave its process, so ")
    assert "fairway dev" in ended.stdout
    assert len(ended.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("layer", "config", "sentence", "code"),
    [
        ("parts.Missing", "{}", "parts has no 'Missing'", 1),
        ("parts.number", "{}", "no class of channel layers", 1),
        ("parts.Pretender", '{"capcity": 5}', "has no option 'capcity'", 1),
        ("parts.Pretender", '{"expiry": 0}', "expiry is 0", 1),
        ("parts.Pretender", "{", "'{' is no JSON", 2),
        ("parts.Pretender", "[5]", "'[5]' is no JSON object", 2),
    ],
)
def test_a_layer_that_cannot_be_made_is_one_sentence(
    layer: str, config: str, sentence: str, code: int
) -> None:
    ended = finished("serve", "--layer", layer, "--config", config, "--port", "0")
    assert ended.returncode == code
    assert sentence in ended.stdout.splitlines()[-1]
    assert "Traceback" not in ended.stdout
