"""docs/classic.md: its program runs, and no name of the specification is left out."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "classic.md").read_text()

#: Every name that the specification gives to something, in its drafts and its last version.
NAMES = """
send receive_many receive new_channel MessageTooLarge ChannelFull extensions groups flush
statistics twisted asyncio supports_groups group_add group_discard group_channels send_group
group_expiry global_statistics channel_statistics receive_twisted receive_asyncio
messages_count messages_count_per_second messages_pending messages_max_age channel_full_count
channel_full_count_per_second count length age per_second
reply_channel http_version method scheme path query_string root_path headers body body_channel
client server content closed more_content status status_text request order bytes text code close
accept http.request http.request.body? http.response! http.disconnect websocket.connect
websocket.receive websocket.disconnect websocket.send! udp.receive udp.send asgi.delay
"""


def test_every_name_of_the_specification_is_there() -> None:
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    words = set(re.findall(r"[\w.!?]+", " ".join(re.findall(r"`([^`]+)`", prose))))
    assert [name for name in NAMES.split() if name not in words] == []


def test_the_program_runs(tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout == "{'content': b'a ship', 'more_content': True}\n", ended.stderr
