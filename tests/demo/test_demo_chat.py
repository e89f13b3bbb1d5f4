"""The demo in a real browser: who types what, and who sees it."""

import re
import signal
from collections.abc import Iterator

import pytest
from benchmarks.ports import free_port
from playwright.sync_api import Browser, expect

from demo.demo_support import Tab, demo, number_in


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with demo(0) as (_, url):
        yield url


# -- the chat -----------------------------------------------------------------------------------


def test_what_one_types_the_other_sees(browser: Browser, url: str) -> None:
    with Tab(browser, url) as ada, Tab(browser, url) as ben:
        ada.called("Ada")
        ben.called("Ben")
        ada.say("ahoy")
        ben.expect_line("Ada", "ahoy")
        ben.say("ahoy yourself")
        ada.expect_line("Ben", "ahoy yourself")
        assert ada.lines() == ben.lines() == ["ahoy", "ahoy yourself"]
        expect(ada.page.locator(".said.mine")).to_have_count(1)
        expect(ada.page.locator(".said.waiting")).to_have_count(0)
        expect(ada.page.locator("#empty")).to_be_hidden()


def test_rooms_do_not_hear_each_other(browser: Browser, url: str) -> None:
    with (
        Tab(browser, f"{url}/room/north") as north,
        Tab(browser, f"{url}/room/south") as south,
        Tab(browser, f"{url}/room/south") as other,
    ):
        north.say("only up here")
        south.say("only down here")
        other.page.get_by_text("only down here", exact=True).wait_for()
        assert other.lines() == south.lines() == ["only down here"]
        expect(south.page.locator("#room")).to_have_text("south")


def test_nothing_is_kept_for_who_comes_later(browser: Browser, url: str) -> None:
    with Tab(browser, f"{url}/room/late") as early:
        early.say("too early for you")
        expect(early.page.locator(".said.waiting")).to_have_count(0)
        with Tab(browser, f"{url}/room/late") as late:
            early.say("in time")
            late.page.get_by_text("in time", exact=True).wait_for()
            assert late.lines() == ["in time"]


def test_who_is_here_who_came_and_who_left(browser: Browser, url: str) -> None:
    with Tab(browser, f"{url}/room/crew") as ada:
        ada.called("Ada")
        expect(ada.page.locator("#people")).to_have_text("Nobody else is here yet")
        expect(ada.page.locator("#empty")).to_be_visible()
        with Tab(browser, f"{url}/room/crew") as ben:
            ben.called("Ben")
            for page in (ada.page, ben.page):
                expect(page.locator("#people")).to_have_text(
                    re.compile("Here: (Ada, Ben|Ben, Ada)")
                )
        expect(ada.page.locator("#log")).to_contain_text("Ben left")
        expect(ada.page.locator("#people")).to_have_text("Nobody else is here yet")


def test_nothing_that_is_said_becomes_html(browser: Browser, url: str) -> None:
    hostile = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"
    with Tab(browser, f"{url}/room/html") as ada, Tab(browser, f"{url}/room/html") as ben:
        ada.called("<i>Ada</i>")
        ada.say(hostile)
        ben.expect_line("<i>Ada</i>", hostile)
        assert ben.page.locator("#log img, #log i, .text b").count() == 0
        assert "owned" not in ben.page.title()


def test_keys_send_and_break_lines(browser: Browser, url: str) -> None:
    with Tab(browser, f"{url}/room/keys") as ada:
        expect(ada.page.locator("#send")).to_be_disabled()
        ada.page.focus("#text")
        ada.page.keyboard.type("one")
        ada.page.keyboard.press("Shift+Enter")
        ada.page.keyboard.type("two")
        ada.page.keyboard.press("Enter")
        ada.page.get_by_text("one two").wait_for()
        assert ada.lines() == ["one\ntwo"]
        expect(ada.page.locator("#text")).to_have_value("")


def test_what_the_server_refuses_is_said_and_kept_for_another_try(
    browser: Browser, url: str
) -> None:
    with Tab(browser, f"{url}/room/refused") as ada:
        # The page doesn't let anybody write that much; the server doesn't rely on it.
        ada.page.locator("#text").evaluate("field => field.removeAttribute('maxlength')")
        ada.say("x" * 1001)
        expect(ada.page.locator(".said.failed .failure")).to_contain_text(
            "text has to be a text of 1 to 1000 characters"
        )
        expect(ada.page.locator("#text")).to_have_value("x" * 1001)
        ada.say("shorter")
        ada.page.locator(".said:not(.failed):not(.waiting)").get_by_text("shorter").wait_for()


def test_a_dropped_connection_is_shown_and_made_again(browser: Browser) -> None:
    port = free_port()
    with demo(port) as (running, url):
        tab = Tab(browser, url)
        other = Tab(browser, url)
        running.send(signal.SIGTERM)
        assert running.exit_code() == 0
    tab.page.locator("#status[data-state=lost], #status[data-state=connecting]").wait_for()
    expect(tab.page.locator("#lost")).to_be_visible()
    tab.page.fill("#text", "are you there?")
    expect(tab.page.locator("#send")).to_be_disabled()
    with demo(port), tab, other:
        for each in (tab, other):
            each.expect_state("open")
        expect(tab.page.locator("#lost")).to_be_hidden()
        tab.page.press("#text", "Enter")
        other.page.get_by_text("are you there?", exact=True).wait_for()


# -- the panel ----------------------------------------------------------------------------------


def test_the_panel_shows_the_layer_at_work(browser: Browser, url: str) -> None:
    with Tab(browser, f"{url}/room/panel") as ada, Tab(browser, f"{url}/room/panel"):
        line = ada.page.locator("#line")
        before = number_in(ada.page, "#total")
        path = line.get_attribute("d")
        for word in ("one", "two", "three"):
            ada.say(word)
        group = ada.page.locator("#rooms li", has_text="chat.panel")
        expect(group.locator("b")).to_have_text("2")
        expect(ada.page.locator("#rate")).not_to_have_text("0")
        # Three messages of ada, each to two members: nine, beside the panel's own.
        ada.page.wait_for_function(
            "before => +document.getElementById('total').textContent.replace(',', '') > before + 9",
            arg=before,
        )
        expect(line).not_to_have_attribute("d", path)


def test_groups_come_and_go_with_their_members(browser: Browser, url: str) -> None:
    with Tab(browser, url) as ada:
        groups = ada.page.locator("#rooms")
        with Tab(browser, f"{url}/room/brief"):
            expect(groups).to_contain_text("chat.brief")
        expect(groups).not_to_contain_text("chat.brief")
        ada.page.fill("#other", "elsewhere")
        ada.page.press("#other", "Enter")
        ada.page.wait_for_url(f"{url}/room/elsewhere")


def test_waves_fill_a_channel_and_the_drops_are_counted(browser: Browser) -> None:
    with demo(0) as (_, url), Tab(browser, url) as ada:
        expect(ada.page.locator("#drops-over_capacity")).to_have_text("0")
        ada.page.click("#waves")
        expect(ada.page.locator("#drops-over_capacity")).to_have_text("200")
        assert number_in(ada.page, "#pending") >= 100


def test_nobody_asks_while_nobody_looks(browser: Browser, url: str) -> None:
    with Tab(browser, url) as ada:
        page = ada.page
        expect(page.locator("#total")).not_to_have_text("0")
        page.evaluate(HIDDEN, True)
        page.wait_for_load_state("networkidle")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.clock.run_for(10_000)
        assert asked == []
        with page.expect_request("**/statistics"):
            page.evaluate(HIDDEN, False)


HIDDEN = """hidden => {
    Object.defineProperty(document, "hidden", {get: () => hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


# -- how it looks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "viewport",
    [{"width": 390, "height": 844}, {"width": 320, "height": 568}, {"width": 1280, "height": 800}],
    ids=lambda viewport: f"{viewport['width']}",
)
def test_everything_fits_its_window(browser: Browser, url: str, viewport: dict[str, int]) -> None:
    with Tab(browser, f"{url}/room/narrow", viewport=viewport) as ada:
        ada.called("A name of thirty characters, x")
        ada.say("w" * 300)
        ada.say("https://example.com/" + "a/long/path/" * 20)
        ada.page.locator(".said:not(.waiting) >> nth=1").wait_for()
        for opened in (True, False):
            ada.page.locator("#panel").evaluate("(panel, open) => panel.open = open", opened)
            widths = "[document.documentElement.scrollWidth, innerWidth]"
            content, window = ada.page.evaluate(widths)
            assert content <= window
            send = ada.page.locator("#send").bounding_box()
            assert send is not None
            assert send["x"] + send["width"] <= viewport["width"]
            assert send["y"] + send["height"] <= viewport["height"]


def test_on_a_phone_the_panel_unfolds(browser: Browser, url: str) -> None:
    phone = {"width": 390, "height": 844}
    with Tab(browser, url, viewport=phone, is_mobile=True, has_touch=True) as ada:
        expect(ada.page.locator("#chart")).to_be_hidden()
        expect(ada.page.locator("#brief-rate")).to_be_visible()
        ada.page.tap("summary")
        expect(ada.page.locator("#chart")).to_be_visible()


def test_every_control_has_a_name(browser: Browser, url: str) -> None:
    with Tab(browser, url) as ada:
        for role, name in [
            ("textbox", "You are"),
            ("textbox", "Message"),
            ("button", "Send"),
            ("textbox", "Name of a room"),
            ("button", "Make waves"),
            ("log", ""),
            ("img", "Messages per second over the last minute"),
            ("link", "Fairway, to the lobby"),
        ]:
            expect(ada.page.get_by_role(role, name=name).first).to_be_attached()
