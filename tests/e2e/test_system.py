"""The units under a systemd that is real: booted_system.py."""

import unittest

import auspex
import booted_system

STORE = "/var/lib/auspex/store"
SAMPLE = str(auspex.ROOT / "deploy" / "sample.log")
CONFIG = "api_socket = /run/auspex/auspexd.sock\nbackup_dir = /var/backups/auspex\n"


class SystemTest(unittest.TestCase):
    def setUp(self):
        self.system = booted_system.System(self)
        self.system.install("collector", "client")
        self.system.write("/etc/auspex/auspexd.conf", CONFIG)

    def systemctl(self, *arguments):
        return self.system.run("systemctl", *arguments)

    def start(self):
        self.systemctl("start", "auspexd.socket", "auspexd.service")

    def send(self):
        self.system.run("auspex", "send", "--to", "127.0.0.1", "--port", "60", SAMPLE)

    def stored(self):
        """How many of the records that were sent are there."""
        found = self.system.run(
            "auspex", "search", "--store", STORE, "--host", "127.0.0.1", "--raw", check=False
        )
        return sum(line.startswith("type=") for line in found.splitlines())

    def expect_all_stored(self):
        with open(SAMPLE, encoding="utf-8") as sample:
            self.assertEqual(self.stored(), len(sample.readlines()))

    def wait_property(self, name, value):
        auspex.wait_for(
            lambda: self.system.property("auspexd.service", name) == value, f"{name}={value}"
        )

    def test_serves_port_60_without_any_right_and_stops_in_good_order(self):
        self.start()
        self.send()
        self.expect_all_stored()
        pid = self.system.property("auspexd.service", "MainPID")
        status = self.system.run("cat", f"/proc/{pid}/status")
        for right in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertIn(f"{right}:\t{'0' * 16}\n", status)
        self.assertIn("NoNewPrivs:\t1\n", status)
        self.assertNotIn("Uid:\t0", status)
        self.assertIn("Status: \"takes records in; ", self.systemctl("status", "auspexd"))
        self.systemctl("reload", "auspexd")
        auspex.wait_for(
            lambda: "info reloaded" in self.system.run("journalctl", "-u", "auspexd"), "the reload")
        self.systemctl("stop", "auspexd.socket", "auspexd.service")
        self.assertEqual(self.system.property("auspexd.service", "Result"), "success")
        self.assertIn("all is well", self.system.run("auspex", "store", "check", "--store", STORE))

    def test_a_client_starts_it(self):
        self.systemctl("start", "auspexd.socket")
        self.assertEqual(self.system.property("auspexd.service", "ActiveState"), "inactive")
        self.send()
        self.expect_all_stored()

    def test_is_started_again_when_it_hangs(self):
        self.system.write(
            "/etc/systemd/system/auspexd.service.d/soon.conf", "[Service]\nWatchdogSec=3\n"
        )
        self.systemctl("daemon-reload")
        self.start()
        self.send()
        pid = self.system.property("auspexd.service", "MainPID")
        self.system.run("kill", "-STOP", pid)
        self.wait_property("NRestarts", "1")
        self.wait_property("ActiveState", "active")
        self.assertNotEqual(self.system.property("auspexd.service", "MainPID"), pid)
        self.expect_all_stored()

    def test_makes_a_backup_that_can_be_restored(self):
        self.start()
        self.send()
        self.systemctl("start", "auspex-backup.service")
        self.systemctl("stop", "auspexd.socket", "auspexd.service")
        self.system.run("mv", STORE, f"{STORE}.old")
        self.system.run(
            *["runuser", "-u", "auspex", "--", "auspex", "store", "restore"],
            *["/var/backups/auspex", "--to", STORE],
        )
        self.start()
        self.expect_all_stored()

    def test_halts_the_machine_for_who_wants_that(self):
        self.system.run(
            *["install", "-D", "/usr/share/doc/auspex/examples/actions-as-root.conf"],
            "/etc/systemd/system/auspexd.service.d/actions-as-root.conf",
        )
        self.system.write(
            "/etc/auspex/auspexd.conf", "space_left = 99%\nspace_left_action = halt\n"
        )
        self.systemctl("daemon-reload")
        self.systemctl("start", "--no-block", "auspexd.socket", "auspexd.service")
        auspex.wait_for(self.system.has_ended, "the system to be halted")


if __name__ == "__main__":
    unittest.main()
