"""Runs programs in Django processes of their own: a process can't have its settings twice."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

PREAMBLE = """
import sys, threading
import django
from django.conf import settings
from django.test import override_settings

MEMORY = {"BACKEND": "fairway.memory.InMemoryChannelLayer"}
REDIS = {"BACKEND": "fairway.redis.RedisChannelLayer"}
DATABASE = {"BACKEND": "fairway.database.DatabaseChannelLayer"}

def set_up(*apps, **more):
    settings.configure(INSTALLED_APPS=[*apps, "fairway.django"], **more)
    django.setup()

def check_refused(call, *words):
    from fairway.errors import ConfigurationError
    try:
        call()
    except ConfigurationError as error:
        for word in words:
            assert word in str(error), str(error)
    else:
        raise AssertionError("it passed")

def problems(deploy=False, databases=None, **changes):
    # What the system checks of ours say, under changed settings.
    from django.core.checks import run_checks
    with override_settings(**changes):
        found = run_checks(include_deployment_checks=deploy, databases=databases)
    return [each for each in found if each.id.startswith("fairway.")]

def says(found, id, *words):
    # The one problem that was found, with these words in text or hint.
    assert [each.id for each in found] == [f"fairway.{id}"], found
    for word in words:
        assert word in found[0].msg + " | " + found[0].hint, found
"""

#: As if Channels were not installed.
WITHOUT = "import sys; sys.modules['channels'] = None\n"


def run(program: str, start: str = "", cwd: Path | None = None) -> str:
    """Run a Django project's process to its end, with warnings as errors; what it printed."""
    program = start + PREAMBLE + textwrap.dedent(program)
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True, text=True, timeout=120, cwd=cwd,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def manage(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """``manage.py …`` of a project whose settings are in ``settings.py``."""
    environment = {**os.environ, "PYTHONPATH": str(project), "DJANGO_SETTINGS_MODULE": "settings"}
    return subprocess.run(
        [sys.executable, "-m", "django", *words],
        capture_output=True, text=True, timeout=120, cwd=project, env=environment,
    )  # fmt: skip
