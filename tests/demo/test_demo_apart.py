"""The demo in processes of their own, over SQLite: ``make demo LAYER=sqlite``."""

import os
import signal
from pathlib import Path

from playwright.sync_api import Browser, expect

from cli.fairway_process import eventually, is_alive, is_refused
from demo.demo_support import Tab, demo, number_in


def apart() -> demo:
    return demo(0, "--layer", "sqlite")


def processes_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_people_talk_the_panel_is_live_and_ctrl_c_ends_everything(browser: Browser) -> None:
    with apart() as (running, url):
        line = running.said[-1]
        assert "an interface server and 2 workers, each a process, over SQLite in" in line
        folder = Path(line.rpartition(" over SQLite in ")[2].partition(";")[0])
        assert (folder / "demo.fairway.sqlite3").exists()
        processes = processes_of(running.process.pid)
        with Tab(browser, url) as ada, Tab(browser, url) as ben:
            ada.called("Ada")
            ben.called("Ben")
            ada.say("ahoy")
            ben.expect_line("Ada", "ahoy")
            ben.say("ahoy yourself")
            ada.expect_line("Ben", "ahoy yourself")
            group = ada.page.locator("#rooms li", has_text="chat.lobby")
            expect(group.locator("b")).to_have_text("2")
            expect(ada.page.locator("#rate")).not_to_have_text("0")
            ada.page.click("#waves")
            expect(ada.page.locator("#drops-over_capacity")).to_have_text("200")
            assert number_in(ada.page, "#pending") >= 100
            running.send(signal.SIGINT)
            assert running.exit_code() == 0
        assert is_refused(url)
        eventually(lambda: not any(map(is_alive, processes)), "all processes end")
        assert not folder.exists()
        # The panel's last question may have been answered to a server that had ended.
        assert all("fairway.drops" in line for line in running.rest())


def test_a_process_that_dies_ends_the_others_and_is_told_of() -> None:
    with apart() as (running, _):
        processes = processes_of(running.process.pid)
        os.kill(processes[-1], signal.SIGKILL)
        running.wait_for("a process of the demo ended with code -9")
        assert running.exit_code() == 1
        eventually(lambda: not any(map(is_alive, processes)), "all processes end")
