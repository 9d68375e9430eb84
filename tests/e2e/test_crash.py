"""The promise, put to the test: auspexd is killed with -9 at random instants under load, and a
ledger that the clients keep says what it had acknowledged.

Environment: AUSPEX_E2E_ROUNDS (30), AUSPEX_E2E_SEED (random, printed).
"""

import os
import random
import selectors
import socket
import sys
import time
import unittest

import auspex

ROUNDS = int(os.environ.get("AUSPEX_E2E_ROUNDS", "30"))
SENDERS = 40
RECORD_BYTES = 276

# Up to this long under load in each round: the load is what a kill has to hit.
LOAD_S_MAX = 1.0


class Sender:
    """A stop-and-wait client with a host of its own. Its whole ledger is one number: its records
    are numbered, and all before `acked` were acknowledged. At most one more was ever sent."""

    def __init__(self, number):
        self.host = auspex.unique_address()
        self.number = number
        self.acked = 0
        self.socket = None
        self._received = b""

    def record(self, index):
        return auspex.unique_record(f"sender {self.number}", RECORD_BYTES, serial=index + 1)

    def connect(self, server, selector):
        """Connects, and sends the record without an ack again, under its old sequence."""
        self.socket = auspex.connect(server, self.host)
        self._received = b""
        self._send()
        self.socket.setblocking(False)
        selector.register(self.socket, selectors.EVENT_READ, self)

    def receive(self, selector):
        """Takes the ack that has come and sends the next record. False: the link is broken."""
        try:
            data = self.socket.recv(4096)
        except ConnectionError:
            data = b""
        if not data:
            selector.unregister(self.socket)
            self.socket.close()
            self.socket = None
            return False
        self._received += data
        if len(self._received) < auspex.HEADER.size:
            return True
        _, _, _, kind, _, sequence = auspex.HEADER.unpack_from(self._received)
        self._received = self._received[auspex.HEADER.size :]
        if kind != auspex.ACK or sequence != self.acked + 1 or self._received:
            raise AssertionError(f"{self.host}: got {kind:#x} {sequence} for {self.acked + 1}")
        self.acked += 1
        try:
            self._send()
        except ConnectionError:
            pass  # The next receive() says so again.
        return True

    def _send(self):
        body = self.record(self.acked) + b"\n"
        self.socket.sendall(auspex.frame(auspex.MESSAGE, self.acked + 1, body))


class Load:
    """All senders, on one thread."""

    def __init__(self):
        self.senders = [Sender(number) for number in range(SENDERS)]
        self._selector = selectors.DefaultSelector()

    def connect(self, server):
        for sender in self.senders:
            sender.connect(server, self._selector)

    def run(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for key, _ in self._selector.select(timeout=0.05):
                key.data.receive(self._selector)

    def drain(self):
        """Reads what a dead server still said: an ack in the socket was an ack."""
        for sender in self.senders:
            while sender.socket and sender.receive(self._selector):
                pass

    def stop(self):
        """Waits for the ack of each record in flight, and sends no more."""
        for sender in self.senders:
            self._selector.unregister(sender.socket)
            sender.socket.setblocking(True)
            expected = auspex.frame(auspex.ACK, sender.acked + 1)
            ack = sender.socket.recv(auspex.HEADER.size, socket.MSG_WAITALL)
            if ack != expected:
                raise AssertionError(f"{sender.host}: {ack!r} instead of the last ack")
            sender.acked += 1
            sender.socket.close()


class CrashTest(unittest.TestCase):
    def setUp(self):
        # With the default of 5 most senders would wait a second or more for their connection.
        # A memory of 1 MB keeps it sealing, and small blocks keep it merging, all the time.
        self.server = auspex.Server({"open_blocks_memory": 1})
        self.addCleanup(self.server.close)
        seed = int(os.environ.get("AUSPEX_E2E_SEED", random.SystemRandom().randrange(10**6)))
        print(f"AUSPEX_E2E_SEED={seed} AUSPEX_E2E_ROUNDS={ROUNDS}", file=sys.stderr)
        self.random = random.Random(seed)

    def expect_ledger(self, load):
        """Each acknowledged record is stored once, in order, under its host; what is stored
        beyond that is at most the one record that its sender has in flight."""
        for sender in load.senders:
            stored = self.server.search("--host", sender.host)
            self.assertGreaterEqual(len(stored), sender.acked, f"{sender.host} has lost records")
            self.assertLessEqual(len(stored), sender.acked + 1, f"{sender.host} has too many")
            for index, record in enumerate(stored):
                self.assertEqual(record, sender.record(index), f"{sender.host}, record {index}")

    def expect_sound_store(self):
        """Blocks, terms and journal agree, and there were enough of them to be killed at."""
        stats = self.server.store_command("stats")
        blocks = next(line for line in stats.splitlines() if line.startswith("blocks"))
        print(blocks, file=sys.stderr)
        self.assertGreater(int(blocks.split()[1]), SENDERS)
        self.assertEqual(self.server.store_command("check"), "all is well\n")

    def test_kill_loses_nothing_that_was_acknowledged(self):
        load = Load()
        for _ in range(ROUNDS):
            # Now and then it is killed while it still opens what the last kill left.
            while self.random.random() < 0.2:
                self.server.start(wait=False)
                auspex.threading.Event().wait(self.random.uniform(0, 0.2))
                self.server.kill()
            self.server.start()
            load.connect(self.server)
            load.run(self.random.uniform(0, LOAD_S_MAX))
            self.server.kill()
            load.drain()
        self.expect_ledger(load)  # Of a store that nobody serves.

        self.server.start()
        load.connect(self.server)
        load.stop()
        self.expect_ledger(load)
        self.assertEqual(self.server.stop(), 0)
        self.expect_ledger(load)
        self.expect_sound_store()
        acked = sum(sender.acked for sender in load.senders)
        print(f"{acked} records acknowledged over {ROUNDS} crashes", file=sys.stderr)
        self.assertGreater(acked, ROUNDS * SENDERS)


if __name__ == "__main__":
    unittest.main()
