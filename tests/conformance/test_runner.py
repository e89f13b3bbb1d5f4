"""How cases come out: kept, broken or not applicable, and with which words."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from fairway.conformance import Case, Harness, LayerHarness, all_cases, report, run_case
from fairway.conformance.case import PROMISES, case
from fairway.conformance.checks import (
    NotApplicable,
    PromiseBroken,
    TooSlow,
    eventually,
    expect_raises,
    require,
    require_equal,
    within,
)
from fairway.conformance.harness import ABILITIES
from fairway.conformance.runner import ATTEMPTS
from fairway.memory import InMemoryChannelLayer


def memory(**options: Any) -> LayerHarness:
    return LayerHarness(InMemoryChannelLayer, **options)


@case(0, "It is kept")
async def keeps(h: Harness) -> None:
    await h.make().send("work", {})


@case(0, "It is broken")
async def breaks(h: Harness) -> None:
    require(False, "the layer did not")


@case(0, "It hangs")
async def hangs(h: Harness) -> None:
    await asyncio.Event().wait()


@case(0, "It needs a verb")
async def lacks_a_verb(h: Harness) -> None:
    await h.make().teleport("work")


@case(0, "It needs a library")
async def not_installed(h: Harness) -> None:
    raise NotApplicable("the library is not installed")


@case(0, "It needs an ability", needs=("wipe",))
async def needs_wipe(h: Harness) -> None:
    await h.wipe()


@case(0, "It crashes")
async def crashes(h: Harness) -> None:
    raise ZeroDivisionError("by zero")


@pytest.mark.parametrize(
    ("ran", "verdict", "reason"),
    [
        (keeps, "kept", ""),
        (breaks, "broken", "the layer did not"),
        (lacks_a_verb, "broken", "InMemoryChannelLayer has no teleport"),
        (crashes, "broken", "ZeroDivisionError: by zero"),
        (not_installed, "not applicable", "the library is not installed"),
        (needs_wipe, "not applicable", ABILITIES["wipe"]),
    ],
    ids=lambda value: value.name if isinstance(value, Case) else None,
)
def test_outcomes(ran: Case, verdict: str, reason: str) -> None:
    outcome = run_case(ran, memory())
    assert (outcome.verdict, outcome.reason) == (verdict, reason)
    assert outcome.seconds >= 0
    assert (outcome.error is None) == (verdict != "broken")


def test_a_case_that_hangs_is_broken() -> None:
    outcome = run_case(hangs, memory(patience=0.05, lease=1))
    assert outcome.verdict == "broken"
    assert "did not end" in outcome.reason


def test_a_case_that_was_too_slow_is_tried_with_longer_moments() -> None:
    moments: list[float] = []

    @case(4, "It is slow")
    async def slow(h: Harness) -> None:
        moments.append(h.moment)
        if len(moments) < 3:
            raise TooSlow("the machine was busy")

    harness = memory(moment=0.1)
    assert run_case(slow, harness).verdict == "kept"
    assert moments == [0.1, 0.2, 0.4]
    assert harness.moment == 0.1


def test_a_case_that_stays_too_slow_is_broken() -> None:
    tries: list[float] = []

    @case(4, "It stays slow")
    async def slow(h: Harness) -> None:
        tries.append(h.moment)
        raise TooSlow("gone too soon")

    outcome = run_case(slow, memory())
    assert (outcome.verdict, outcome.reason) == ("broken", "gone too soon")
    assert len(tries) == ATTEMPTS


def test_cases_choose_their_bounds_whatever_the_config_says() -> None:
    harness = LayerHarness(InMemoryChannelLayer, {"capacity": 1, "max_message_size": 2_000})
    layer = harness.make()
    assert (layer.capacity, layer.expiry, layer.group_expiry) == (100, 60, 86400)
    assert harness.second(harness.make(capacity=7)).capacity == 7

    @case(8, "It keeps its limit")
    async def keeps_limit(h: Harness) -> None:
        with expect_raises(layer.MessageTooLarge, "told"):
            await h.make().send("work", {"body": bytes(2_000)})

    assert run_case(keeps_limit, harness).verdict == "kept"


def test_layers_are_closed_and_the_store_is_emptied_between_cases() -> None:
    closed: list[Any] = []
    flushed: list[Any] = []

    class Recorded(InMemoryChannelLayer):
        async def close(self) -> None:
            closed.append(self)
            await super().close()

        async def flush(self) -> None:
            flushed.append(self)
            await super().flush()

    harness = LayerHarness(Recorded)
    made: list[Any] = []

    @case(0, "It makes two nodes")
    async def makes(h: Harness) -> None:
        made.extend([layer := h.make(), h.second(layer)])
        require(flushed, "the store is empty before a case")
        flushed.clear()
        require(False, "and it fails")

    assert run_case(makes, harness).reason == "and it fails"
    assert all(layer in closed for layer in made)
    assert flushed


def test_every_case_has_a_name_a_promise_and_known_needs() -> None:
    cases = all_cases()
    assert len({case.name for case in cases}) == len(cases)
    assert {case.promise for case in cases} == set(PROMISES)
    for each in cases:
        assert each.needs <= ABILITIES.keys(), each.name
        assert len(each.title) <= report.WIDTH, each.name
        assert not each.title.endswith("."), each.name


def test_a_failing_require_names_both_values() -> None:
    with pytest.raises(PromiseBroken, match=r"^order: expected \[1, 2\], got \[2, 1\]$"):
        require_equal([2, 1], [1, 2], "order")


def test_expect_raises_tells_apart_nothing_and_something_else() -> None:
    with pytest.raises(PromiseBroken, match="nothing was"), expect_raises(TypeError, "told"):
        pass
    with (
        pytest.raises(PromiseBroken, match="KeyError was"),
        expect_raises(TypeError, "told"),
    ):
        raise KeyError("x")
    with expect_raises(TypeError, "told") as raised:
        raise TypeError("wrong")
    assert str(raised.error) == "wrong"


async def test_waiting_ends_at_its_deadline() -> None:
    harness = memory(patience=0.02)

    async def never() -> bool:
        return False

    with pytest.raises(PromiseBroken, match="never true"):
        await eventually(harness, never, "never true")
    with pytest.raises(PromiseBroken, match="too long"):
        await within(0.02, asyncio.Event().wait(), "too long")


def test_a_layer_that_cannot_be_imported_elsewhere_is_not_forked() -> None:
    class Local(InMemoryChannelLayer):
        pass

    assert "fork" in memory().can
    assert "fork" not in LayerHarness(Local).can
    assert "dead_process" not in memory().can


REFUSALS = """
from fairway.conformance import LayerHarness, all_cases, run_case
from fairway.memory import InMemoryChannelLayer

class Lax(InMemoryChannelLayer):
    def valid_channel_name(self, name):
        assert name.isidentifier()
        return True
    require_valid_channel_name = valid_channel_name

for case in all_cases():
    if case.name.startswith(("names_and_sizes", "isolation")):
        for layer_class in (InMemoryChannelLayer, Lax):
            outcome = run_case(case, LayerHarness(layer_class))
            print(layer_class.__name__, case.name, outcome.verdict)
"""


def test_refusals_and_the_kit_hold_under_python_O() -> None:
    with_asserts, without = (
        subprocess.run(
            [sys.executable, *flags, "-c", REFUSALS], capture_output=True, text=True, check=True
        ).stdout
        for flags in ([], ["-O"])
    )
    assert without == with_asserts
    assert "InMemoryChannelLayer names_and_sizes.bad_channels kept" in without
    assert "Lax names_and_sizes.validators broken" in without
