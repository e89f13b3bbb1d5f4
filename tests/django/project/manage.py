"""The commands of a project as a user has it; `python -m manage` in this directory."""

import os

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "project_settings"
    execute_from_command_line()
