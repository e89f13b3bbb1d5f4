"""After fork: the child starts empty, as another node, and both go on."""

import subprocess
import sys
import textwrap


def run(script: str) -> str:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_child_starts_empty_with_names_of_its_own() -> None:
    printed = run(
        """
        import asyncio, os
        from fairway.memory import InMemoryChannelLayer

        layer = InMemoryChannelLayer()
        shared = InMemoryChannelLayer(store=layer.store)
        plain = layer.blocking
        mine = plain.new_channel()
        plain.send("work", {"n": 1})
        plain.send(mine, {"n": 2})
        plain.group_add("g", mine)
        node, other = layer.node, shared.node

        if (child := os.fork()) == 0:
            assert layer.node not in (node, other, shared.node)
            assert plain.receive_many(["work"]) == (None, None)
            assert plain.group_channels("g") == []
            assert plain.global_statistics()["messages_count"] == 0
            fresh = plain.new_channel()
            assert fresh.partition("!")[2] == "1" and fresh != mine
            asyncio.run(layer.send(fresh, {"n": 3}))
            assert asyncio.run(layer.receive(fresh)) == {"n": 3}
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert layer.node == node
        assert plain.receive("work") == {"n": 1}
        assert plain.receive(mine) == {"n": 2}
        assert plain.group_channels("g") == [mine]
        print("child", os.waitstatus_to_exitcode(status))
        """
    )
    assert printed == "child 0\n"


def test_layers_that_share_a_store_share_it_in_the_child_too() -> None:
    printed = run(
        """
        import os
        from fairway.memory import InMemoryChannelLayer, MemoryStore

        store = MemoryStore()
        one, other = InMemoryChannelLayer(store=store), InMemoryChannelLayer(store=store)
        if (child := os.fork()) == 0:
            assert one.store is other.store
            mine = one.blocking.new_channel()
            other.blocking.send(mine, {"n": 1})
            assert one.blocking.receive(mine) == {"n": 1}
            os._exit(0)
        print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """
    )
    assert printed == "child 0\n"


def test_a_fork_while_threads_hold_every_lock_leaves_the_child_able_to_go_on() -> None:
    printed = run(
        """
        import gc, os, signal, sys, threading
        from fairway.memory import InMemoryChannelLayer

        sys.setswitchinterval(1e-6)
        layer = InMemoryChannelLayer(capacity=1)
        layer.blocking.group_add("g", "full")
        layer.blocking.send("full", {})
        stop = threading.Event()

        def load(i):
            while not stop.is_set():
                layer.blocking.group_send("g", {})
                layer.blocking.send(f"c{i}", {})
                layer.blocking.receive(f"c{i}")
                layer.blocking.global_statistics()

        threads = [threading.Thread(target=load, args=(i,)) for i in range(3)]
        for thread in threads:
            thread.start()
        codes = set()
        for _ in range(25):
            if (child := os.fork()) == 0:
                signal.alarm(20)  # a child that hangs dies of it
                layer.blocking.send("work", {"n": 1})
                assert layer.blocking.receive("work") == {"n": 1}
                layer.blocking.group_add("g", "work")
                layer.blocking.group_send("g", {"n": 2})
                assert layer.blocking.receive("work") == {"n": 2}
                layer.blocking.global_statistics()
                gc.collect()
                os._exit(0)
            codes.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        stop.set()
        for thread in threads:
            thread.join()
        print(codes)
        """
    )
    assert printed == "{0}\n"


def test_a_child_of_a_running_loop_uses_a_loop_of_its_own() -> None:
    printed = run(
        """
        import asyncio, os
        from fairway.memory import InMemoryChannelLayer

        layer = InMemoryChannelLayer()

        async def child():
            await layer.send("work", {"n": "child"})
            return await layer.receive("work")

        async def main():
            waiting = asyncio.ensure_future(layer.receive("work"))
            await asyncio.sleep(0)
            if (pid := os.fork()) == 0:
                asyncio._set_running_loop(None)
                os._exit(0 if asyncio.run(child()) == {"n": "child"} else 1)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            assert not waiting.done()
            await layer.send("work", {"n": "parent"})
            return code, await waiting

        print(asyncio.run(main()))
        """
    )
    assert printed == "(0, {'n': 'parent'})\n"


def test_objects_that_are_gone_are_not_kept_for_a_fork() -> None:
    printed = run(
        """
        import gc, os, weakref
        from fairway.memory import InMemoryChannelLayer

        layer = InMemoryChannelLayer()
        gone = [weakref.ref(layer), weakref.ref(layer.store)]
        del layer
        gc.collect()
        assert [reference() for reference in gone] == [None, None]
        if (child := os.fork()) == 0:
            os._exit(0)
        print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """
    )
    assert printed == "child 0\n"
