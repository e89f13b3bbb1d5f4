"""The files that the text of Channels' tutorial tells its reader to write, word for word.

For whoever has that text (`docs/` of a checkout of Channels, or of its documentation): it is
Channels', and not in this repository. `CHANNELS_DOCS` names the folder.
"""

import re
import textwrap
from pathlib import Path

#: The first line of a file in the text is a comment that holds its path.
FILE = re.compile(r"^( +)(?:#|<!--) ((?:chat|mysite)/[\w/.]+)(?: -->)?\n((?:\1.*\n|\s*\n)+)", re.M)

#: A part of it: the reader is told what to change there.
SETTINGS = "mysite/settings.py"


def write_files(docs: Path, project: Path) -> list[str]:
    """Write what parts 1 to 4 say in the end into a project; which files those are.

    Of the consumers both are kept, as in our own words: those of parts 2 and 3.
    """
    written: dict[str, str] = {}
    for part in ("part_1", "part_2", "part_3", "part_4"):
        for path, text in _files((docs / "tutorial" / f"{part}.rst").read_text()):
            name = path.replace("consumers.py", f"consumers_{part}.py")
            written[name] = text
    written.pop(SETTINGS, None)
    for name, text in written.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    return sorted(written)


def _files(text: str) -> list[tuple[str, str]]:
    return [(path, textwrap.dedent(body)) for _, path, body in FILE.findall(text)]
