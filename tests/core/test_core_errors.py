"""Errors: one root, and what drop-in users already catch."""

import inspect
import subprocess
import sys

import pytest
from channels.exceptions import ChannelFull as ChannelsChannelFull

from fairway import errors

ALL = [value for value in vars(errors).values()
       if inspect.isclass(value) and value.__module__ == errors.__name__]  # fmt: skip


@pytest.mark.parametrize("error", ALL)
def test_every_error_has_the_one_root(error: type[Exception]) -> None:
    assert issubclass(error, errors.FairwayError)
    assert str(error("what")) == "what"


@pytest.mark.parametrize(
    ("error", "also"),
    [
        (errors.ChannelFull, ChannelsChannelFull),
        (errors.MessageTooLarge, ValueError),
        (errors.InvalidName, TypeError),
        (errors.InvalidName, AssertionError),
        (errors.InvalidMessage, TypeError),
        (errors.InvalidMessage, AssertionError),
        (errors.ConfigurationError, ValueError),
        (errors.LayerClosed, RuntimeError),
        (errors.StoreUnavailable, ConnectionError),
        (errors.UndecodableMessage, ValueError),
    ],
)
def test_they_are_caught_as_what_callers_expect(error, also) -> None:
    with pytest.raises(also):
        raise error("what")


def test_without_channels_the_errors_are_there_too() -> None:
    script = (
        "import sys\n"
        "sys.modules['channels'] = sys.modules['channels.exceptions'] = None\n"
        "from fairway.errors import ChannelFull, FairwayError\n"
        "print(ChannelFull.__mro__[1].__name__, issubclass(ChannelFull, FairwayError))\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "FairwayError True\n"
