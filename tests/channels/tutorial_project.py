"""The project that Channels' tutorial builds, step by step, as its reader does.

The files of `tutorial/` do what the tutorial's do, under the same names, in our own words:
its text is Channels'. Where `CHANNELS_DOCS` names a folder that has it, its own files are
taken instead, word for word. Of Fairway nothing is there but the entry in CHANNEL_LAYERS.
"""

import os
import shutil
from pathlib import Path

from channels_support import HERE, Backend, finished
from tutorial_text import write_files

TUTORIAL = HERE / "tutorial"
PARTS = ["part_2", "part_3"]

INSTALLED = "INSTALLED_APPS = ["

# Which of MySQL's drivers a site has is its own affair.
MYSQL = """
import pymysql
pymysql.install_as_MySQLdb()
"""

SETTINGS = """
ASGI_APPLICATION = "mysite.asgi.application"
DATABASES["default"]["TEST"] = {"NAME": BASE_DIR / "test.sqlite3"}
"""

LAYER = """
{driver}
DATABASES.update({databases!r})
CHANNEL_LAYERS = {{"default": {layer!r}}}
"""


def build(folder: Path, env: dict[str, str]) -> Path:
    """Parts 1 to 4 but for the layer, with the consumers of both parts; where it is."""
    finished("-m", "django", "startproject", "mysite", cwd=folder, env=env)
    project = folder / "mysite"
    finished("manage.py", "startapp", "chat", cwd=project, env=env)
    for name in ("admin.py", "apps.py", "models.py"):
        (project / "chat" / name).unlink()
    shutil.rmtree(project / "chat" / "migrations")
    shutil.copytree(TUTORIAL, project, dirs_exist_ok=True)
    if docs := os.environ.get("CHANNELS_DOCS"):
        print("in the tutorial's own words:", *write_files(Path(docs), project))
    install_apps(project / "mysite" / "settings.py")
    use_consumers_of(PARTS[-1], project)
    finished("manage.py", "migrate", cwd=project, env=env)
    return project


def on_backend(built: Path, folder: Path, part: str, backend: Backend) -> Path:
    """A copy on a backend, with the consumers of one part."""
    project = shutil.copytree(built, folder / built.name)
    use_consumers_of(part, project)
    with (project / "mysite" / "settings.py").open("a") as settings:
        settings.write(
            LAYER.format(
                driver=MYSQL if backend.name == "mariadb" else "",
                databases=backend.databases,
                layer=backend.layer,
            )
        )
    return project


def use_consumers_of(part: str, project: Path) -> None:
    chat = project / "chat"
    shutil.copy(chat / f"consumers_{part}.py", chat / "consumers.py")


def install_apps(settings: Path) -> None:
    written = settings.read_text()
    assert written.count(INSTALLED) == 1
    apps = f'{INSTALLED}\n    "daphne",\n    "chat",'
    settings.write_text(written.replace(INSTALLED, apps) + SETTINGS)
