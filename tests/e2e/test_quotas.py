"""Quotas: who sends too much is slowed down, then refused; nothing acknowledged is lost, and who is
quiet notices nothing."""

import re
import signal
import subprocess
import time
import unittest

import auspex
import real_tools
from auspex import ACK, ENDING, Frame, unique_record


class QuotasTest(auspex.ServerTest):
    def setUp(self):
        self.server = auspex.Server()
        self.addCleanup(self.server.close)

    def start(self, **keys):
        self.server.keys |= keys
        self.server.start()

    def write_quotas(self, text):
        path = self.server.directory / "quotas"
        path.write_text(text)
        return path

    def reload(self, said):
        """SIGHUP, and waits until the log says so."""
        before = len(self.server.log)
        self.server.write_config()
        self.server.process.send_signal(signal.SIGHUP)
        auspex.wait_for(lambda: any(said in line for line in self.server.log[before:]), said)

    def counter(self, name):
        """As the server tells it on SIGCONT."""
        before = len(self.server.log)
        self.server.process.send_signal(signal.SIGCONT)

        def state():
            return [line for line in self.server.log[before:] if line.startswith("info state ")]

        line = auspex.wait_for(state, "the state")[-1]
        return int(re.search(rf"\b{name}=(\d+)", line)[1])

    def send(self, records):
        """Starts `auspex send`, which comes from 127.0.0.1."""
        log = self.server.directory / "log"
        log.write_bytes(b"".join(record + b"\n" for record in records))
        return subprocess.Popen(
            [auspex.BIN / "auspex", "send", "--port", str(self.server.port), log],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=auspex.die_with_parent,
        )

    def test_slows_a_flood_down_and_nobody_else(self):
        self.start(quota_records=2)
        flood = [unique_record() for _ in range(30)]  # Ten more than a burst.
        began = time.monotonic()
        sender = self.send(flood)
        quiet = self.client()
        slowest_s = 0
        delivered = []
        while sender.poll() is None:
            record = unique_record("quiet")
            sent = time.monotonic()
            if len(delivered) == 15:
                break  # It has a quota, too.
            quiet.deliver(record)
            slowest_s = max(slowest_s, time.monotonic() - sent)
            delivered.append(record)
        _, said = sender.communicate(timeout=auspex.PATIENCE_S)
        self.assertEqual(sender.returncode, 0, said)
        # Ten records at two a second.
        self.assertGreater(time.monotonic() - began, 2)
        self.expect_stored("127.0.0.1", flood)
        self.expect_stored(quiet.address, delivered)
        self.assertGreater(self.counter("quota_delays_total"), 0)
        self.assertEqual(self.counter("quota_refused_records_total"), 0)
        self.assertGreater(len(delivered), 0)

    def test_refuses_what_comes_after_the_bytes_of_a_day(self):
        self.start(quota_file=self.write_quotas("127.0.0.1 bytes_day 1\n"))
        flood = [unique_record(size=8000) for _ in range(200)]
        sender = self.send(flood)
        quiet = self.client()
        quiet_records = [unique_record(size=8000) for _ in range(200)]
        for record in quiet_records:
            quiet.deliver(record)
        _, said = sender.communicate(timeout=auspex.PATIENCE_S)
        refused = re.search(rb"line (\d+): not acknowledged: reply 0x40000001", said)
        self.assertTrue(refused, said)
        acknowledged = int(refused[1]) - 1
        self.assertEqual(acknowledged, (1 << 20) // 8000 + 1)
        self.expect_stored("127.0.0.1", flood[:acknowledged])
        self.expect_stored(quiet.address, quiet_records)
        self.wait_own_record("DAEMON_ERR", b"op=quota-bytes-day", b'host="127.0.0.1"')
        # Whatever it calls itself, and as often as it comes: it is told of once.
        for node in (b"node=other ", b"node=another "):
            client = self.client(source="127.0.0.1")
            sequence = client.send(node + flood[0])
            self.assertEqual(client.receive(), Frame(ENDING, sequence))
            self.assertIsNone(client.receive())
        own = self.server.search("--host", "auspexd", "-m", "DAEMON_ERR")
        self.assertEqual(len(own), 1, own)
        self.assertEqual(self.counter("quota_refused_bytes_day_total"), 3)

        # A better quota counts at once, a wrong one not at all.
        self.write_quotas("127.0.0.1 bytes_day 2\n")
        self.reload("reloaded")
        client = self.client(source="127.0.0.1")
        client.deliver(flood[acknowledged])
        client.socket.close()
        self.write_quotas("127.0.0.1 bytes_day much\n")
        self.reload("the old configuration stays")
        self.expect_stored("127.0.0.1", flood[: acknowledged + 1])

    def test_a_wrong_file_stops_the_start(self):
        self.server.keys["quota_file"] = self.write_quotas("web* speed 5\n")
        with self.assertRaisesRegex(AssertionError, 'quotas:1: "speed" is no limit'):
            self.server.start()
        self.server.should_run = False

    def test_stops_at_once_while_a_client_waits(self):
        self.start(quota_records=1)
        client = self.client()
        for _ in range(10):
            client.deliver(unique_record())
        client.raw(b"".join(auspex.frame(auspex.MESSAGE, 11 + i, unique_record()) for i in range(9)))
        self.assertEqual(client.receive().type, ACK)
        client.raw(auspex.frame(auspex.MESSAGE, 20, unique_record()))
        self.assertEqual(self.server.stop(), 0)
        replies = []
        while (reply := client.receive()) is not None:
            replies.append(reply)
        self.assertEqual(replies[-1].type, ENDING)
        self.server.start()
        acknowledged = 11 + sum(reply.type == ACK for reply in replies)
        self.assertGreaterEqual(len(self.server.search("--host", client.address)), acknowledged)

    def test_the_real_client_is_slowed_down_and_loses_nothing(self):
        self.start(quota_records=2)
        records = [unique_record() for _ in range(35)]  # Fifteen more than a burst.
        client = real_tools.AudispRemote(self.server, {"max_time_per_record": 5,
                                                       "max_tries_per_record": 3})
        self.addCleanup(client.close)
        client.feed(records)

        def all_there():
            self.assertTrue(client.running(), "audisp-remote has ended")
            return len(self.server.search("--host", "127.0.0.1")) >= len(records)

        auspex.wait_for(all_there, "the records")
        self.expect_stored("127.0.0.1", records)
        self.assertGreater(self.counter("quota_delays_total"), 0)
        self.assertEqual(self.counter("quota_refused_records_total"), 0)

    def test_the_real_client_keeps_what_is_beyond_its_bytes_of_the_day(self):
        self.start(quota_file=self.write_quotas("127.0.0.1 bytes_day 1\n"))
        records = [unique_record(size=8000) for _ in range(150)]  # 19 more than a MB.
        client = real_tools.AudispRemote(self.server, {"max_time_per_record": 5,
                                                       "max_tries_per_record": 2})
        self.addCleanup(client.close)
        client.feed(records)

        def all_there():
            self.assertTrue(client.running(), "audisp-remote has ended")
            return len(self.server.search("--host", "127.0.0.1")) >= len(records)

        # More often than it tries a record.
        auspex.wait_for(lambda: self.counter("quota_refused_bytes_day_total") > 3, "the refusals")
        self.assertFalse(all_there())
        self.write_quotas("127.0.0.1 bytes_day 2\n")
        self.reload("reloaded")
        auspex.wait_for(all_there, "the records")
        self.expect_stored("127.0.0.1", records)


if __name__ == "__main__":
    unittest.main()
