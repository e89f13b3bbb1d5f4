"""The mailbox under real threads and event loops: each message reaches exactly one reader."""

import asyncio
import gc
import math
import random
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fairway.core.inbox import OVER_CAPACITY, Taken
from fairway.drops import Drops
from fairway.errors import LayerClosed
from fairway.mailbox import Mailbox

DEADLINE = 30.0  # seconds for a condition to come true; none takes a second
FAR = 1e12  # a deadline that never comes


def make_mailbox(clock: Callable[[], float] = time.monotonic) -> Mailbox:
    return Mailbox(clock, Drops(clock))


def put(mailbox: Mailbox, channel: str, n: int, deadline: float | None = None) -> None:
    with mailbox.lock:
        # Deadlines in the order of sending, as a store gives them, and a receipt to hand in.
        parcel = (FAR + n if deadline is None else deadline, b"%d" % n, f"receipt {n}")
        waiter = mailbox.inbox.put(channel, parcel, 10**9, mailbox.clock())
    if waiter is not None:
        mailbox.wake([waiter])


def number(taken: Taken) -> int:
    return int(taken[1][1])


def rest(mailbox: Mailbox, channel: str) -> list[int]:
    with mailbox.lock:
        return [int(parcel[1]) for parcel in mailbox.inbox.take_all(channel)]


def waiting(mailbox: Mailbox, channel: str) -> int:
    with mailbox.lock:
        return mailbox.inbox.waiting(channel)


async def receive(mailbox: Mailbox, channel: str, timeout: float | None = None) -> Taken | None:
    taken: Any = mailbox.take([channel], timeout)
    return taken if taken is None or isinstance(taken, tuple) else await taken


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for what another thread will bring about."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"waited {DEADLINE:g} s for: {what}"
        time.sleep(0.001)


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def give_up_on(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop with tasks that wait, as a careless program does."""
    loop.set_exception_handler(lambda *_: None)  # asyncio complains of the pending task
    loop.close()


def wait_in_own_loop(
    mailbox: Mailbox, channel: str, timeout: float | None = None
) -> tuple[asyncio.AbstractEventLoop, Any]:
    """A loop in which a task waits, and that nobody runs any more."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(receive(mailbox, channel, timeout))
    before = waiting(mailbox, channel)
    while waiting(mailbox, channel) == before:
        loop.run_until_complete(asyncio.sleep(0))
    return loop, task


# -- one loop ------------------------------------------------------------------------


async def test_what_is_there_is_returned_without_waiting() -> None:
    mailbox = make_mailbox()
    put(mailbox, "a", 1)
    assert mailbox.take(["a"], None) == ("a", (FAR + 1, b"1", "receipt 1"))
    assert mailbox.take(["a"], 0) is None


async def test_a_wait_without_a_message_ends_in_time_and_leaves_the_line() -> None:
    mailbox = make_mailbox()
    assert await receive(mailbox, "a", 0.001) is None
    assert mailbox.wait_blocking(["a"], 0.001) is None
    assert mailbox.wait_blocking(["a"], 0) is None
    assert waiting(mailbox, "a") == 0
    put(mailbox, "a", 1)
    assert rest(mailbox, "a") == [1]


async def test_waiters_are_served_in_the_order_in_which_they_came() -> None:
    mailbox = make_mailbox()
    tasks = [asyncio.ensure_future(receive(mailbox, "a")) for _ in range(5)]
    await asyncio.sleep(0)
    for n in range(5):
        put(mailbox, "a", n)
    assert [number(taken) for taken in await asyncio.gather(*tasks) if taken] == list(range(5))


async def test_a_message_for_a_cancelled_wait_goes_to_the_next_or_back() -> None:
    mailbox = make_mailbox()
    first, second = (asyncio.ensure_future(receive(mailbox, "a")) for _ in range(2))
    await asyncio.sleep(0)
    put(mailbox, "a", 1)
    first.cancel()
    taken = await second
    assert taken is not None
    assert number(taken) == 1
    with pytest.raises(asyncio.CancelledError):
        await first

    alone = asyncio.ensure_future(receive(mailbox, "a"))
    await asyncio.sleep(0)
    put(mailbox, "a", 2)
    put(mailbox, "a", 3)
    alone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await alone
    assert rest(mailbox, "a") == [2, 3]


@pytest.mark.parametrize("seed", range(20))
async def test_cancellations_at_random_lose_nothing(seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    mailbox = make_mailbox()
    sent, got, tasks = 0, [], []

    async def read() -> None:
        channels = chance.sample("abc", chance.randint(1, 3))
        taken: Any = mailbox.take(channels, chance.choice([None, None, 0, 0.0005]))
        taken = taken if taken is None or isinstance(taken, tuple) else await taken
        if taken is not None:
            got.append(number(taken))

    for _ in range(300):
        action = chance.random()
        if action < 0.4:
            tasks.append(asyncio.ensure_future(read()))
        elif action < 0.7:
            put(mailbox, chance.choice("abc"), sent)
            sent += 1
        elif tasks:
            tasks.pop(chance.randrange(len(tasks))).cancel()
        if chance.random() < 0.5:
            await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.wait({*tasks, asyncio.ensure_future(asyncio.sleep(0))})
    left = {channel: rest(mailbox, channel) for channel in "abc"}
    assert all(unread == sorted(unread) for unread in left.values()), left
    assert sorted([*got, *left["a"], *left["b"], *left["c"]]) == list(range(sent))
    assert [waiting(mailbox, channel) for channel in "abc"] == [0, 0, 0]


@pytest.mark.parametrize("seed", range(5))
async def test_timeouts_that_race_with_messages_lose_nothing(seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    mailbox = make_mailbox()
    loop = asyncio.get_running_loop()
    count, got, timed_out = 200, [], 0
    for n in range(count):
        loop.call_later(chance.uniform(0, 0.05), put, mailbox, "a", n)
    end = time.monotonic() + DEADLINE
    while len(got) < count and time.monotonic() < end:
        taken = await receive(mailbox, "a", chance.uniform(0, 0.0005))
        if taken is None:
            timed_out += 1
            await asyncio.sleep(0)
        else:
            got.append(number(taken))
    assert sorted(got) == list(range(count))
    assert waiting(mailbox, "a") == 0


async def test_one_reader_that_is_cancelled_over_and_over_reads_in_order() -> None:
    mailbox = make_mailbox()
    chance = random.Random(7)
    count, got = 2000, []

    def write() -> None:
        for n in range(count):
            put(mailbox, "a", n)

    async def read() -> None:
        while len(got) < count:
            taken = await receive(mailbox, "a")
            assert taken is not None
            got.append(number(taken))

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while len(got) < count:
            reading = asyncio.ensure_future(read())
            for _ in range(chance.randint(0, 3)):
                await asyncio.sleep(0)
            if not (writing.done() and len(got) == count):
                reading.cancel()
            await asyncio.wait({reading})
    assert got == list(range(count))


# -- threads and loops -----------------------------------------------------------------


class Crowd:
    """Readers in loops and in plain threads, writers in threads, all on two channels."""

    def __init__(self, seed: int, each: int = 1000, writers: int = 3):
        self.mailbox = make_mailbox()
        self.seed, self.each, self.writers = seed, each, writers
        self.sent = Counter(range(each * writers))
        self.got: list[int] = []
        self.end = time.monotonic() + DEADLINE

    @property
    def goes_on(self) -> bool:
        return len(self.got) < self.each * self.writers and time.monotonic() < self.end

    def write(self, writer: int) -> None:
        for n in range(writer * self.each, (writer + 1) * self.each):
            put(self.mailbox, "ab"[n % 2], n)

    def read_in_thread(self, seed: int) -> None:
        chance = random.Random(seed)
        while self.goes_on:
            channels = chance.choice([["a"], ["b"], ["a", "b"]])
            taken = self.mailbox.wait_blocking(channels, chance.uniform(0, 0.005))
            if taken is not None:
                self.got.append(number(taken))

    def read_in_loop(self, seed: int) -> None:
        asyncio.run(self._read_in_loop(random.Random(seed)))

    async def _read_in_loop(self, chance: random.Random) -> None:
        tasks = [asyncio.ensure_future(self._read(chance)) for _ in range(3)]
        while self.goes_on:
            await asyncio.sleep(chance.uniform(0, 0.002))
            i = chance.randrange(3)
            tasks[i].cancel()
            await asyncio.wait({tasks[i]})
            tasks[i] = asyncio.ensure_future(self._read(chance))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def _read(self, chance: random.Random) -> None:
        while True:
            channels = chance.choice([["a"], ["b"], ["a", "b"]])
            taken: Any = self.mailbox.take(channels, chance.choice([None, 0.001]))
            if taken is not None and not isinstance(taken, tuple):
                taken = await taken
            if taken is not None:
                self.got.append(number(taken))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.usefixtures("frequent_switches")
def test_threads_and_loops_share_the_messages_among_them(seed: int) -> None:
    print(f"seed {seed}")
    crowd = Crowd(seed)
    with ThreadPoolExecutor(7) as pool:
        readers = [pool.submit(crowd.read_in_loop, 10 * seed + i) for i in range(2)]
        readers += [pool.submit(crowd.read_in_thread, 10 * seed + i) for i in range(2)]
        writers = [pool.submit(crowd.write, i) for i in range(3)]
        for work in [*writers, *readers]:
            work.result(2 * DEADLINE)
    assert Counter(crowd.got) == crowd.sent
    assert [waiting(crowd.mailbox, channel) for channel in "ab"] == [0, 0]


@pytest.mark.usefixtures("frequent_switches")
def test_each_writer_s_messages_reach_a_single_reader_in_order() -> None:
    mailbox = make_mailbox()

    def write(writer: int) -> None:
        for n in range(writer * 1000, writer * 1000 + 500):
            put(mailbox, "a", n, FAR)

    async def read() -> list[int]:
        got = [await receive(mailbox, "a") for _ in range(1500)]
        return [number(taken) for taken in got if taken is not None]

    with ThreadPoolExecutor(3) as pool:
        writing = [pool.submit(write, writer) for writer in range(3)]
        got = asyncio.run(asyncio.wait_for(read(), DEADLINE))
        for work in writing:
            work.result(DEADLINE)
    for writer in range(3):
        assert [n for n in got if n // 1000 == writer] == [writer * 1000 + n for n in range(500)]


def test_a_send_wakes_a_thread_that_waits_without_a_loop() -> None:
    mailbox = make_mailbox()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(mailbox.wait_blocking, ["a", "b"])
        until(lambda: waiting(mailbox, "a"), "the thread waits")
        put(mailbox, "b", 1)
        taken = reading.result(DEADLINE)
    assert taken is not None
    assert (taken[0], number(taken)) == ("b", 1)
    assert waiting(mailbox, "a") == 0


# -- loops that end --------------------------------------------------------------------


def test_a_message_for_a_loop_that_was_closed_stays() -> None:
    mailbox = make_mailbox()
    loop, task = wait_in_own_loop(mailbox, "a")
    give_up_on(loop)
    for n in range(3):
        put(mailbox, "a", n)
    assert rest(mailbox, "a") == [0, 1, 2]
    assert not task.done()


def test_a_message_for_a_loop_that_was_closed_goes_to_the_next_reader() -> None:
    mailbox = make_mailbox()
    loop, _task = wait_in_own_loop(mailbox, "a")
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(mailbox.wait_blocking, ["a"])
        until(lambda: waiting(mailbox, "a") == 2, "the thread waits too")
        give_up_on(loop)
        put(mailbox, "a", 1)
        taken = reading.result(DEADLINE)
    assert taken is not None
    assert number(taken) == 1


def test_any_number_of_closed_loops_stands_in_the_way_of_no_message() -> None:
    mailbox = make_mailbox()
    abandoned = [wait_in_own_loop(mailbox, "a") for _ in range(30)]
    # More waiters than Python's stack has room for, but not more loops than files.
    for loop, tasks in abandoned:
        more = [loop.create_task(receive(mailbox, "a")) for _ in range(50)]
        abandoned[abandoned.index((loop, tasks))] = (loop, [tasks, *more])
        loop.run_until_complete(asyncio.sleep(0))
        give_up_on(loop)
    assert waiting(mailbox, "a") == 30 * 51 > sys.getrecursionlimit()
    put(mailbox, "a", 1)
    assert waiting(mailbox, "a") == 0
    assert rest(mailbox, "a") == [1]


@pytest.mark.parametrize("timeout", [None, 3600])
@pytest.mark.parametrize("when_handed", [False, True], ids=["waits", "handed"])
def test_a_forgotten_loop_can_be_collected_while_the_lock_is_held(
    when_handed: bool, timeout: float | None
) -> None:
    """The garbage collector runs anywhere, in a thread that holds the mailbox's lock too."""
    mailbox = make_mailbox()
    loop, task = wait_in_own_loop(mailbox, "a", timeout)
    if when_handed:
        put(mailbox, "a", 1)  # its loop takes note, and never runs again
        give_up_on(loop)
    else:
        give_up_on(loop)
        put(mailbox, "a", 1)
    del loop, task

    def collect() -> None:
        with mailbox.lock:
            gc.collect()

    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    thread.join(DEADLINE)
    assert not thread.is_alive(), "the garbage collector waits for a lock of its own thread"
    until(lambda: mailbox.inbox.pending("a"), "the message came back")
    assert rest(mailbox, "a") == [1]
    assert waiting(mailbox, "a") == 0


def test_a_message_handed_to_a_loop_that_ends_comes_back_in_front() -> None:
    mailbox = make_mailbox()
    loop, task = wait_in_own_loop(mailbox, "a")
    put(mailbox, "a", 1)
    put(mailbox, "a", 2)
    give_up_on(loop)
    del loop, task
    gc.collect()
    until(lambda: mailbox.inbox.pending("a") == 2, "the message came back")
    assert rest(mailbox, "a") == [1, 2]


# -- signals ---------------------------------------------------------------------------


def test_a_thread_s_wait_that_a_signal_ends_takes_no_message_with_it() -> None:
    script = """
        import signal, sys, threading, time
        from fairway.drops import Drops
        from fairway.mailbox import Mailbox

        mailbox = Mailbox(time.monotonic, Drops(time.monotonic))

        def put(n):
            with mailbox.lock:
                waiter = mailbox.inbox.put("a", (1e12 + n, b"%d" % n, None), 99, 0.0)
            if waiter is not None:
                mailbox.wake([waiter])

        def interrupt(n):
            while not mailbox.inbox.waiting("a"):
                time.sleep(0.001)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            put(n)

        for n in range(20):
            thread = threading.Thread(target=interrupt, args=(n,))
            thread.start()
            try:
                mailbox.wait_blocking(["a"], 30)
            except KeyboardInterrupt:
                thread.join()
                with mailbox.lock:
                    assert mailbox.inbox.waiting("a") == 0
                    left = [parcel[1] for parcel in mailbox.inbox.take_all("a")]
                assert left == [b"%d" % n], left
            else:
                sys.exit("not interrupted")
        print("all there")
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("all there\n", "")


# -- what is heard of ------------------------------------------------------------------


class Ears:
    """Hooks that use the mailbox, which they may: they are called without its lock."""

    def __init__(self, **clock: Any):
        self.taken: list[int] = []
        self.dropped: list[int] = []
        self.mailbox = make_mailbox(**clock)
        self.mailbox.on_taken, self.mailbox.on_dropped = self.hear_taken, self.hear_dropped

    def hear_taken(self, channel: str, parcel: Any) -> None:
        waiting(self.mailbox, channel)
        self.taken.append(int(parcel[1]))

    def hear_dropped(self, channel: str, parcels: Any) -> None:
        waiting(self.mailbox, channel)
        self.dropped += [int(parcel[1]) for parcel in parcels]


async def test_whoever_wakes_readers_may_say_for_them_what_was_handed_over() -> None:
    ears, handed = Ears(), []
    mailbox = ears.mailbox
    reads = [
        asyncio.ensure_future(receive(mailbox, "a")),
        asyncio.ensure_future(receive(mailbox, "a", DEADLINE)),
        asyncio.ensure_future(receive(mailbox, "a")),
    ]
    await asyncio.sleep(0)
    with mailbox.lock:
        parcels = [(math.inf, b"%d" % n, "receipt") for n in range(3)]
        waiters = mailbox.inbox.put_all("a", parcels)
    mailbox.wake(waiters, handed)
    reads[2].cancel()
    await asyncio.wait(reads)
    assert [waiter.parcel for waiter in handed] == [*parcels[:2], None]
    assert ears.taken == []
    assert mailbox.take(["a"], 0) == ("a", parcels[2])
    assert ears.taken == [2]


async def test_each_message_handed_over_is_heard_of_once() -> None:
    ears = Ears()
    mailbox = ears.mailbox
    put(mailbox, "a", 0)
    assert mailbox.take(["a"], None) is not None
    put(mailbox, "a", 1)
    assert mailbox.take(["a"], 0) is not None
    waits = asyncio.ensure_future(receive(mailbox, "a"))
    await asyncio.sleep(0)
    put(mailbox, "a", 2)
    assert await waits is not None
    waits = asyncio.ensure_future(receive(mailbox, "a", DEADLINE))
    await asyncio.sleep(0)
    put(mailbox, "a", 3)
    assert await waits is not None
    put(mailbox, "a", 4)
    assert mailbox.wait_blocking(["a"]) is not None
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(mailbox.wait_blocking, ["a"])
        until(lambda: waiting(mailbox, "a"), "the thread waits")
        put(mailbox, "a", 5)
        assert reading.result(DEADLINE) is not None
    assert ears.taken == [0, 1, 2, 3, 4, 5]


async def test_a_message_given_back_is_not_heard_of() -> None:
    ears = Ears()
    waits = asyncio.ensure_future(receive(ears.mailbox, "a"))
    await asyncio.sleep(0)
    put(ears.mailbox, "a", 1)
    waits.cancel()
    await asyncio.wait({waits})
    assert ears.taken == []
    assert rest(ears.mailbox, "a") == [1]


async def test_each_message_given_up_is_counted_and_heard_of_once() -> None:
    now = 0.0
    ears = Ears(clock=lambda: now)
    mailbox = ears.mailbox
    for n in range(6):
        put(mailbox, "abcdef"[n], n, deadline=10.0)
    put(mailbox, "a", 6, deadline=20.0)
    now = 10.0
    assert mailbox.take(["a"], None) == ("a", (20.0, b"6", "receipt 6"))
    assert mailbox.take(["b"], 0) is None
    assert mailbox.wait_blocking(["c"], 0) is None
    assert await receive(mailbox, "d", 0.001) is None
    with mailbox.lock:
        mailbox.inbox.drop(OVER_CAPACITY, "x", [(0.0, b"7", None)])
    mailbox.sweep()
    assert sorted(ears.dropped) == [0, 1, 2, 3, 4, 5, 7]
    counts = mailbox.drops.counts()
    assert (counts["expired"], counts["over_capacity"]) == (6, 1)
    mailbox.sweep()
    assert len(ears.dropped) == 7


async def test_who_comes_after_the_end_is_told_too() -> None:
    mailbox = make_mailbox()
    mailbox.dismiss(LayerClosed("closed"))
    for timeout in (None, 5.0):
        with pytest.raises(LayerClosed):
            await mailbox.take(["work"], timeout)
    with pytest.raises(LayerClosed):
        mailbox.wait_blocking(["work"], 5.0)
