"""auspex-agent over a network that fails: connections that are cut, that hang, and a link that is down. Each record
is stored once."""

import itertools
import os
import random
import socket
import subprocess
import threading
import unittest

import agent
import auspex

_names = itertools.count(1)


class Proxy:
    """A way to a collector that can be cut, or swallow what is sent."""

    def __init__(self, collector):
        self._target = ("127.0.0.1", collector.api_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open = []  # Pairs of sockets. Guarded by the lock.
        self._passes = threading.Event()
        self._passes.set()
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Ends all connections, without a word."""
        with self._lock:
            pairs, self._open = self._open, []
        for one in itertools.chain.from_iterable(pairs):
            self._shut_down(one)

    def hang(self):
        """From here on nothing comes through, and nobody is told."""
        self._passes.clear()

    def go_on(self):
        self._passes.set()

    def close(self):
        self._listener.close()
        self.go_on()
        self.cut()

    @staticmethod
    def _shut_down(one):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # The other end was faster.

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
            except ConnectionError:
                near.close()
                continue
            except OSError:
                return
            with self._lock:
                self._open.append((near, far))
            for way in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=way, daemon=True).start()

    def _pass_on(self, source, sink):
        try:
            while data := source.recv(65536):
                self._passes.wait()
                sink.sendall(data)
        except OSError:
            pass
        self._shut_down(sink)
        source.close()


class NetworkTest(unittest.TestCase):
    def setUp(self):
        self.site = agent.Site()
        self.addCleanup(self.site.close)

    def expect_stored_once(self, collector, web1):
        collector.wait_stored(web1.fed[-1])
        web1.wait_idle()
        self.assertEqual(agent.difference(collector.stored(), web1.fed), "")
        self.assertEqual(collector.lost(), {})
        self.assertEqual(agent.lost(web1.status()), {})


class ConnectionTest(NetworkTest):
    def test_delivers_each_record_once_over_connections_that_are_cut(self):
        collector = self.site.collector().start()
        proxy = Proxy(collector)
        self.addCleanup(proxy.close)
        web1 = self.site.agent(keys={"server": proxy.address}).start()
        pick = random.Random(7)
        for cut in range(6):
            # In the midst of these: each batch has a hundred or more of them.
            web1.wait_status(lambda status: status["connected"] == 1, "a connection")
            for _ in range(pick.randrange(1, 20)):
                web1.feed(agent.records(500, 300))
            before = web1.wait_status(lambda status: status["batches_sent_total"] > cut, "a batch")
            proxy.cut()
            web1.wait_status(lambda status: status["connection_failures_total"]
                             > before["connection_failures_total"], "the cut to be noticed")
        self.expect_stored_once(collector, web1)

    def test_goes_on_where_a_connection_has_hung_for_a_moment(self):
        collector = self.site.collector().start()
        proxy = Proxy(collector)
        self.addCleanup(proxy.close)
        web1 = self.site.agent(keys={"server": proxy.address}).start()
        web1.feed(agent.records(1))
        collector.wait_stored(web1.fed[-1])
        proxy.hang()
        for _ in range(20):
            web1.feed(agent.records(1000, 300))
        # What is not acknowledged has a limit; beyond it, records stay in the spool.
        waiting = web1.wait_status(
            lambda status: status["spool_records_total"] > 20_000, "the spool to have them")
        self.assertLess(waiting["records_acknowledged_total"], 1000)
        proxy.go_on()
        self.expect_stored_once(collector, web1)
        self.assertEqual(web1.status()["connection_failures_total"], 0)


class LinkTest(NetworkTest):
    """The agent has a network of its own, with one link to ours."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("a network namespace needs root")
        number = next(_names)
        self.space = f"auspex-{os.getpid()}-{number}"
        self.link = f"aus{os.getpid() % 100000}{number}"
        # Of the network for tests between devices: the machine's own is elsewhere.
        subnet = f"198.18.{(8 * os.getpid() + number) % 256}"
        made = self.ip("netns", "add", self.space, check=False)
        if made.returncode != 0:
            self.skipTest(f"no network namespaces here: {made.stderr.strip()}")
        self.addCleanup(self.ip, "netns", "delete", self.space)
        self.ip("link", "add", self.link, "type", "veth", "peer", "name", "up0", "netns", self.space)
        self.address = f"{subnet}.1"
        self.ip("address", "add", f"{self.address}/24", "dev", self.link)
        self.ip("link", "set", self.link, "up")
        self.ip("-n", self.space, "address", "add", f"{subnet}.2/24", "dev", "up0")
        self.ip("-n", self.space, "link", "set", "up0", "up")

    @staticmethod
    def ip(*arguments, check=True):
        return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)

    def test_notices_that_nobody_answers_and_delivers_when_the_link_is_back(self):
        collector = self.site.collector(self.address).start()
        web1 = self.site.agent(collector, prefix=["ip", "netns", "exec", self.space]).start()
        web1.feed(agent.records(1000))
        collector.wait_stored(web1.fed[-1])
        self.ip("link", "set", self.link, "down")
        web1.feed(agent.records(1000))
        away = web1.wait_status(lambda status: status["connected"] == 0, "the link to be missed")
        self.assertIn(self.address, away["delivery_problem"])
        web1.feed(agent.records(1000))
        self.ip("link", "set", self.link, "up")
        self.expect_stored_once(collector, web1)


if __name__ == "__main__":
    unittest.main()
