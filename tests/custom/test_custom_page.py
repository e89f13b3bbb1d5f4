"""docs/custom-layer.md says only what is so."""

import re
from pathlib import Path

from fairway import contract
from fairway.layer import ChannelLayer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "custom-layer.md").read_text()


def test_the_example_is_included_and_short() -> None:
    (included,) = re.findall(r"\{literalinclude\} \.\./(\S+)", PAGE)
    assert len((ROOT / included).read_text().splitlines()) < 150


def test_every_part_that_is_needed_is_named_and_there() -> None:
    table = re.findall(r"^\| .* \| (.*`.*) \|$", PAGE, re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", " ".join(table)))
    assert set(contract.NEEDED) <= named
    layer_has = {*dir(ChannelLayer), "expiry", "capacity", "group_expiry"}  # set when it is made
    assert named <= layer_has | {"await"}


def test_modules_and_classes_that_are_named_exist() -> None:
    from importlib import import_module

    names = set(re.findall(r"`(fairway(?:\.\w+)+)", PAGE))
    assert names
    for name in names:
        module, _, attribute = name.rpartition(".")
        assert hasattr(import_module(module), attribute), name
