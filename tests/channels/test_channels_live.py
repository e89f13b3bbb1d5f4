"""A project's own tests, as its developers run them: `manage.py test`."""

from pathlib import Path

from channels_support import CHANNELS, PROJECT, Backend, finished


def test_the_projects_own_tests_pass(backend: Backend, folder: Path) -> None:
    env = backend.environment(folder)
    ran = finished("manage.py", "test", "dropin", "--noinput", cwd=PROJECT, env=env)
    assert "Found 6 test(s)" in ran.stdout
    assert "\nOK" in ran.stdout
    assert "Traceback" not in ran.stdout
    assert "skipped" not in ran.stdout or CHANNELS < (4, 3)
