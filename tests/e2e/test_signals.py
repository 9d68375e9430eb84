"""Signals: what an administrator, systemd and logrotate send."""

import os
import signal
import subprocess
import unittest

import auspex
from auspex import ENDING, unique_record


class SignalTest(auspex.ServerTest):
    def signal(self, number):
        self.server.process.send_signal(number)

    def test_a_stop_tells_each_client_and_is_not_spoiled_by_systemd(self):
        clients = [self.client() for _ in range(10)]
        for client in clients:
            client.deliver(unique_record())
        self.server.should_run = False
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # systemd.kill(5): right after the first signal.
        self.signal(signal.SIGHUP)
        self.assertEqual(self.server.process.wait(timeout=auspex.PATIENCE_S), 0)
        for client in clients:
            self.assertEqual(client.receive().type, ENDING)
            self.assertIsNone(client.receive())
        self.assertTrue(self.server.search("--host", "auspexd", "-m", "DAEMON_END"))

    def test_hup_takes_new_limits_for_clients_that_are_there_already(self):
        first = self.client("127.5.5.5")
        first.deliver(unique_record())
        self.server.keys["tcp_max_per_addr"] = 2
        self.server.write_config()
        self.signal(signal.SIGHUP)
        self.server.wait_log("reloaded")
        self.wait_own_record("DAEMON_CONFIG", b"state=changed", b"res=success")
        self.client("127.5.5.5").deliver(unique_record())
        first.deliver(unique_record())

    def test_hup_with_a_wrong_file_changes_nothing(self):
        client = self.client()
        client.deliver(unique_record())
        self.server.keys["tcp_max_per_addr"] = "many"
        self.server.write_config()
        self.signal(signal.SIGHUP)
        self.server.wait_log("error", "tcp_max_per_addr", "wrong")
        self.wait_own_record("DAEMON_CONFIG", b"state=no-change", b"res=failed")
        client.deliver(unique_record())

    def test_hup_adds_an_address_and_keeps_the_sessions(self):
        client = self.client()
        client.deliver(unique_record())
        old_port = self.server.port
        self.server.keys["listen_address"] = "127.0.0.1,::1"
        self.server.write_config()
        self.signal(signal.SIGHUP)
        self.server.wait_log("reloaded")
        self.server.wait_log("listening", "address=::1")
        client.deliver(unique_record())
        kept = self.server.wait_log("listening", "address=127.0.0.1")[-1]
        self.assertEqual(int(kept.split("port=")[1].split()[0]), old_port)

    def test_usr1_seals_and_usr2_is_harmless(self):
        client = self.client()
        records = [unique_record() for _ in range(20)]
        for record in records:
            client.deliver(record)
            self.signal(signal.SIGUSR1)
            self.signal(signal.SIGUSR2)
        self.expect_stored(client.address, records)

    def test_goes_on_when_the_reader_of_its_log_is_gone(self):
        server = auspex.Server()
        self.addCleanup(server.close)
        server.write_config()
        read_end, write_end = os.pipe()
        server.process = subprocess.Popen(
            [auspex.BIN / "auspexd", "--config", server.config],
            stdin=subprocess.DEVNULL,
            stderr=write_end,
            preexec_fn=auspex.die_with_parent,
        )
        os.close(write_end)
        log = b""
        while b"ready" not in log:
            log += os.read(read_end, 4096)
        os.close(read_end)
        server.process.send_signal(signal.SIGCONT)
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(timeout=auspex.PATIENCE_S), 0)

    def test_cont_writes_the_counters_and_its_state(self):
        self.client().deliver(unique_record())
        self.signal(signal.SIGCONT)
        self.server.wait_log("info state", "sessions_open=1", "commit_errors_total=0")
        self.wait_state("sessions      1")

    def test_writes_its_state_again_and_again(self):
        self.server.keys["report_interval"] = 1
        self.server.write_config()
        self.signal(signal.SIGHUP)
        self.wait_state("records       taken in")
        self.client().deliver(unique_record())
        self.wait_state("sessions      1")

    def wait_state(self, line):
        path = self.server.directory / "state"
        auspex.wait_for(lambda: path.exists() and line in path.read_text().splitlines(), line)


if __name__ == "__main__":
    unittest.main()
