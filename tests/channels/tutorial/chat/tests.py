"""Part 4, with playwright where the tutorial has selenium."""

from functools import partial

from channels.testing import ChannelsLiveServerTestCase
from daphne.testing import DaphneProcess
from playwright.sync_api import expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
# The page's sockets, so that nobody types before they are open.
REMEMBER_SOCKETS = """
    window.sockets = [];
    window.WebSocket = class extends WebSocket {
        constructor(...options) { super(...options); sockets.push(this); }
    };
"""
OPEN = "sockets.length === 1 && sockets[0].readyState === WebSocket.OPEN"
PATIENCE = 60_000  # milliseconds; a busy machine may take its time


class ChatTests(ChannelsLiveServerTestCase):
    serve_static = True
    # Daphne drops a socket that isn't open after five seconds.
    ProtocolServerProcess = partial(DaphneProcess, kwargs={"websocket_handshake_timeout": 60})

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.playwright = sync_playwright().start()
        options = {"executable_path": CHROMIUM, "args": ["--no-sandbox", "--disable-gpu"]}
        cls.browser = cls.playwright.chromium.launch(**options)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.playwright.stop()
        super().tearDownClass()

    def setUp(self):
        self.context = self.browser.new_context()
        self.context.set_default_timeout(PATIENCE)

    def tearDown(self):
        self.context.close()

    def test_when_chat_message_posted_then_seen_by_everyone_in_same_room(self):
        one, two = self.enter_chat_room("room_1"), self.enter_chat_room("room_1")
        self.post(one, "hello")
        self.expect_log(one, "hello\n")
        self.expect_log(two, "hello\n")

    def test_when_chat_message_posted_then_not_seen_by_anyone_in_different_room(self):
        one, two = self.enter_chat_room("room_1"), self.enter_chat_room("room_2")
        self.post(one, "hello")
        self.expect_log(one, "hello\n")
        self.post(two, "world")
        self.expect_log(two, "world\n")

    def enter_chat_room(self, room_name):
        page = self.context.new_page()
        page.add_init_script(REMEMBER_SOCKETS)
        page.goto(f"{self.live_server_url}/chat/")
        page.keyboard.type(room_name)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/chat/{room_name}/")
        page.wait_for_function(OPEN)
        return page

    def post(self, page, message):
        page.bring_to_front()
        page.keyboard.type(message)
        page.keyboard.press("Enter")

    def expect_log(self, page, value):
        expect(page.locator("#chat-log")).to_have_value(value, timeout=PATIENCE)
