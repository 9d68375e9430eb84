"""The disk of backups fails at every place where it can, and so does that of a store that is restored (io_faults.cc).

A backup is made or not, which is said; those there were, and the store, are as they were; the next one is made.
A restore makes the whole store or none.

Environment: AUSPEX_E2E_FAULTS, as of test_faults.py.
"""

import os
import subprocess
import unittest

import auspex
import faults
from auspex import unique_record
from faults import Fault
from test_faults import WAYS, spread


class BackupFaultTest(auspex.ServerTest):
    def setUp(self):
        if not faults.LIBRARY.exists():
            self.skipTest(f"there is no {faults.LIBRARY}")
        self.server = auspex.Server()
        self.addCleanup(self.server.close)
        self.backups = self.server.directory / "backups"
        self.backups.mkdir()
        self.socket = f"unix:{self.server.directory / 's'}"
        self.server.keys |= {"api_socket": self.server.directory / "s", "backup_dir": self.backups}
        self.records = []
        self.restores = 0

    def run_store(self, *arguments, environment=None):
        return subprocess.run(
            [auspex.BIN / "auspex", "store", *map(str, arguments)],
            capture_output=True, text=True, check=False, timeout=auspex.PATIENCE_S,
            env={**os.environ, **(environment or {})})

    def backup(self):
        return self.run_store("backup", "--server", self.socket)

    def restore(self, environment=None, place=None):
        self.restores += 1
        place = place or self.server.directory / f"restored{self.restores}"
        return place, self.run_store("restore", self.backups, "--to", place, environment=environment)

    def deliver(self, count):
        client = self.client(source="127.0.0.9")
        for _ in range(count):
            self.records.append(unique_record())
            client.deliver(self.records[-1])
        client.socket.close()

    def expect_whole(self, place):
        self.assertEqual(auspex.search_bytes(place, "--host", "127.0.0.9").splitlines(), self.records)
        check = self.run_store("check", "--store", place)
        self.assertEqual(check.stdout, "all is well\n", check.stderr)

    def test_a_backup_is_made_or_not_and_the_others_stay(self):
        disk = faults.FaultyDisk(self.server.directory / "control", self.backups)
        self.server.environment = disk.environment
        self.server.start()
        self.deliver(20)
        self.assertEqual(self.backup().returncode, 0)
        self.deliver(20)
        disk.count_from_here()
        self.assertEqual(self.backup().returncode, 0)
        places = [Fault(first=first, **way) for first in range(disk.matched) for way in WAYS]
        disk.mend()
        refusals = 0
        for fault in spread(places, 16):
            with self.subTest(fault=str(fault)):
                self.deliver(1)
                disk.break_at(fault)
                broken = self.backup()
                disk.mend()
                self.assertTrue(self.server.running(), self.server.log[-5:])
                if broken.returncode != 0:
                    refusals += 1
                    self.assertIn("backup", broken.stderr)
                self.deliver(1)
                whole = self.backup()
                self.assertEqual(whole.returncode, 0, f"{broken.stderr}{whole.stderr}")
                verified = self.run_store("verify", self.backups)
                self.assertEqual(verified.returncode, 0, verified.stderr)
                place, restored = self.restore()
                self.assertEqual(restored.returncode, 0, restored.stderr)
                self.expect_whole(place)
        self.assertGreater(refusals, 0)

    def test_a_restore_makes_the_whole_store_or_none(self):
        self.server.start()
        self.deliver(40)
        self.assertEqual(self.backup().returncode, 0)
        place = self.server.directory / "place"
        disk = faults.FaultyDisk(self.server.directory / "control", place)
        disk.count_from_here()
        self.assertEqual(self.restore(disk.environment, place)[1].returncode, 0)
        places = [Fault(first=first, **way) for first in range(disk.matched) for way in WAYS]
        refusals = 0
        for number, fault in enumerate(spread(places, 16)):
            with self.subTest(fault=str(fault)):
                place = self.server.directory / f"place{number}"
                disk = faults.FaultyDisk(self.server.directory / "control", place)
                disk.break_at(fault)
                _, broken = self.restore(disk.environment, place)
                disk.mend()
                if broken.returncode != 0:
                    refusals += 1
                    self.assertIn(str(place), broken.stderr)
                    again = self.restore(place=place)[1]
                    # What has come as far as its name is whole, and nothing is restored over it.
                    if again.returncode != 0:
                        self.assertTrue((place / "FORMAT").exists(), again.stderr)
                self.expect_whole(place)
        self.assertGreater(refusals, 0)


if __name__ == "__main__":
    unittest.main()
