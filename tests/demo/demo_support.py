"""The demo as a process, and a browser tab with it."""

from playwright.sync_api import Browser, Page, expect

from cli.fairway_process import Running

PATIENCE = 30_000.0  # milliseconds; a busy machine may take its time

expect.set_options(timeout=PATIENCE)


class demo:
    """The demo on a port, and where that is."""

    def __init__(self, port: int, *options: str):
        self.running = Running("--port", str(port), *options, module="fairway.demo")

    def __enter__(self) -> tuple[Running, str]:
        self.running.__enter__()
        return self.running, self.running.url()

    def __exit__(self, *error: object) -> None:
        self.running.__exit__(None, None, None)


class Tab:
    """One person's view of a room."""

    def __init__(self, browser: Browser, address: str, **settings: object):
        self.context = browser.new_context(**settings)
        self.context.set_default_timeout(PATIENCE)
        self.errors: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.clock.install()  # runs as usual, and can be run ahead
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(address)
        self.expect_state("open")

    def expect_state(self, state: str) -> None:
        expect(self.page.locator("#status")).to_have_attribute("data-state", state)

    def called(self, name: str) -> "Tab":
        self.page.fill("#user", name)
        self.page.press("#user", "Enter")
        return self

    def say(self, text: str) -> None:
        self.page.fill("#text", text)
        self.page.press("#text", "Enter")

    def expect_line(self, user: str, text: str) -> None:
        line = self.page.locator("#log .said").filter(has=self.page.get_by_text(text, exact=True))
        expect(line).to_have_count(1)
        expect(line.locator(".who")).to_contain_text(user)

    def lines(self) -> list[str]:
        return self.page.locator("#log .said .text").all_inner_texts()

    def __enter__(self) -> "Tab":
        return self

    def __exit__(self, *error: object) -> None:
        self.context.close()
        assert self.errors == []


def number_in(page: Page, selector: str) -> float:
    return float(page.locator(selector).inner_text().replace(",", ""))
