"""`fairway serve` and `fairway worker`, each for itself, and `fairway conformance`."""

import signal
import urllib.error

import pytest

from .fairway_process import Running, finished, get

LAYER = ("--layer", "parts.Pretender")


def test_an_interface_server_without_workers_says_503() -> None:
    with Running("serve", *LAYER, "--port", "0", "--worker-timeout", "0.2") as fairway:
        with pytest.raises(urllib.error.HTTPError, match="503") as refusal:
            get(fairway.url())
        refusal.value.close()
        fairway.send(signal.SIGTERM)
        assert fairway.exit_code() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_says_what_it_reads_and_ends_at_a_signal(number: signal.Signals) -> None:
    with Running("worker", "parts:routes", *LAYER, "--channel", "http.request") as fairway:
        fairway.wait_for("Worker for parts:routes, reading http.request$")
        fairway.send(number)
        assert fairway.exit_code() == 0


def test_a_channel_that_the_target_has_no_use_for_is_one_sentence() -> None:
    ended = finished("worker", "parts:routes", *LAYER, "--channel", "http.requests")
    assert ended.returncode == 1
    assert "http.requests" in ended.stdout
    assert "Traceback" not in ended.stdout


def test_conformance_prints_every_promise_and_how_it_came_out() -> None:
    config = '{"expiry": 60}'
    with Running("conformance", "fairway.memory.InMemoryChannelLayer", "--config", config) as run:
        run.wait_for("InMemoryChannelLayer against the contract")
        run.wait_for("✓ .* s$")


def test_conformance_of_what_is_no_layer_is_one_sentence() -> None:
    ended = finished("conformance", "parts.Missing")
    assert ended.returncode == 1
    assert ended.stdout.startswith("Error: ")
    assert "Traceback" not in ended.stdout
