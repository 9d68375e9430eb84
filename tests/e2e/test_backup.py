"""`auspex store backup` of a collector that goes on, and of a store; `restore`, and an auspexd on what it makes."""

import subprocess
import threading
import unittest

import auspex
from auspex import unique_record


class BackupTest(auspex.ServerTest):
    def setUp(self):
        # Paths of unix sockets are short, and the keys depend on the directory.
        self.server = auspex.Server()
        self.addCleanup(self.server.close)
        self.backups = self.server.directory / "backups"
        self.backups.mkdir()
        self.socket = f"unix:{self.server.directory / 's'}"
        self.server.keys |= {
            "api_socket": self.server.directory / "s",
            "backup_dir": self.backups,
        }
        self.server.start()

    def command(self, *arguments, status=0):
        run = subprocess.run(
            [auspex.BIN / "auspex", "store", *map(str, arguments)],
            capture_output=True, text=True, check=False, timeout=auspex.PATIENCE_S)
        self.assertEqual(run.returncode, status, run.stderr)
        return run.stdout if status == 0 else run.stderr

    def backup(self, *arguments):
        return self.command("backup", "--server", self.socket, *arguments)

    def restore(self, *arguments):
        """Makes a store of a backup, and returns an auspexd that is stopped and has it."""
        restored = auspex.Server()
        self.addCleanup(restored.close)
        self.command("restore", *arguments, "--to", restored.store)
        self.assertEqual(restored.store_command("check"), "all is well\n")
        return restored

    def test_has_all_that_was_acknowledged_while_more_comes(self):
        client = self.client()
        before = [unique_record() for _ in range(200)]
        for record in before:
            client.deliver(record)
        stop = threading.Event()
        more = []

        def deliver():
            while not stop.is_set():
                more.append(unique_record())
                client.deliver(more[-1])

        thread = threading.Thread(target=deliver)
        thread.start()
        said = self.backup()
        stop.set()
        thread.join()
        self.assertRegex(said, rf"^backup 1 in {self.backups}: \d+ bytes in \d+ files, of which")
        restored = self.restore(self.backups)
        found = restored.search("--host", client.address)
        self.assertEqual(found, (before + more)[: len(found)])
        self.assertGreaterEqual(len(found), len(before))
        # It goes on where it was.
        restored.start()
        self.assertEqual(restored.search("--host", client.address), found)
        record = unique_record()
        other = auspex.ManagedClient(restored)
        self.addCleanup(other.socket.close)
        other.deliver(record)
        self.assertEqual(restored.search("--host", other.address)[-1], record)

    def test_keeps_the_last_ones_and_copies_what_is_new(self):
        client = self.client()
        for keep in range(3):
            client.deliver(unique_record())
            self.backup("daily", "--keep", "2")
        listed = self.command("backups", self.backups / "daily").splitlines()
        self.assertEqual([line.split()[0] for line in listed], ["2", "3"])
        for number, count in ((2, 2), (3, 3)):
            restored = self.restore(self.backups / "daily", "--id", number)
            self.assertEqual(len(restored.search("--host", client.address)), count)
        self.assertEqual(self.command("verify", self.backups / "daily"), "all is well\n")

    def test_backs_up_a_store_that_nobody_writes_to(self):
        client = self.client()
        record = unique_record()
        client.deliver(record)
        in_use = self.command("backup", self.backups, "--store", self.server.store, status=1)
        self.assertIn("in use", in_use)
        self.server.stop()
        self.command("backup", self.backups, "--store", self.server.store)
        restored = self.restore(self.backups)
        self.assertEqual(restored.search("--host", client.address), [record])

    def test_says_what_it_cannot_do(self):
        for arguments, words in (
            (("backup", "--server", self.socket, "/tmp"), "backup_dir"),
            (("backup", "--server", self.socket, "../x"), "backup_dir"),
            (("backups", self.backups), f"{self.backups}/BACKUP: No such file"),
            (("restore", self.server.directory / "none", "--to", self.backups), "none"),
        ):
            self.assertIn(words, self.command(*arguments, status=1))
        # Not of an empty one that it has made.
        none = self.server.directory / "none"
        self.assertIn(str(none), self.command("backup", self.backups, "--store", none, status=1))
        self.assertFalse(none.exists())
        self.backup()
        manifest = next(self.backups.rglob("private/1/MANIFEST-*"))
        manifest.write_bytes(manifest.read_bytes()[::-1])
        self.assertIn("Checksum mismatch", self.command("verify", self.backups, status=1))
        self.assertIn("mismatch", self.command("restore", self.backups, "--to",
                                              self.server.directory / "new", status=1))
        self.assertFalse((self.server.directory / "new" / "FORMAT").exists())


if __name__ == "__main__":
    unittest.main()
