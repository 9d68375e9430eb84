"""Logs that exist, brought into a store: each record once and byte for byte, however the log is
packed, how often it is imported, and when the import is killed."""

import gzip
import pathlib
import random
import shutil
import subprocess
import tempfile
import unittest

import auspex


def lines(first, count):
    return b"".join(
        auspex.unique_record("import", 200, serial=serial) + b"\n"
        for serial in range(first, first + count)
    )


class ImportTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="auspex-e2e-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.store = self.directory / "store"

    def write(self, name, text):
        path = self.directory / name
        path.write_bytes(text)
        return path

    def command(self, *arguments, stdin=None):
        run = subprocess.run(
            [auspex.BIN / "auspex", *map(str, arguments)],
            input=stdin, capture_output=True, check=False)
        self.assertEqual(run.stderr, b"", arguments)
        self.assertEqual(run.returncode, 0, arguments)
        return run.stdout

    def bring(self, *paths, stdin=None):
        """Imports. Returns how many records were new."""
        said = self.command("import", "--store", self.store, "--host", "web1", *paths, stdin=stdin)
        return int(said.split()[0])

    def stored(self):
        self.assertEqual(self.command("store", "check", "--store", self.store), b"all is well\n")
        return self.command("store", "export", "--store", self.store, "--host", "web1")

    def test_keeps_every_byte_of_every_line(self):
        text = lines(0, 3000) + b"no record\n\xff\x00\x01\n" + lines(3000, 40_000)
        self.assertEqual(self.bring(self.write("audit.log", text)), 43_002)
        self.assertEqual(self.stored(), text)
        malformed = self.command("search", "--store", self.store, "--malformed")
        self.assertEqual(malformed, b"no record\n\xff\x00\x01\n")

    def test_the_same_log_is_stored_once_however_it_comes(self):
        text = lines(0, 20_000)
        plain = self.write("audit.log", text)
        packed = self.write("packed", gzip.compress(text))
        self.assertEqual(self.bring(plain, plain), 20_000)
        self.assertEqual(self.bring(plain), 0)
        self.assertEqual(self.bring(packed), 0)
        self.assertEqual(self.bring("-", stdin=text), 0)
        self.assertEqual(self.stored(), text)

    def test_of_a_log_that_has_grown_the_new_part_is_stored(self):
        text = b""
        for part in (1, 5000, 2, 15_000, 15_000):
            text += lines(text.count(b"\n"), part)
            self.assertEqual(self.bring(self.write("audit.log", text)), part)
        self.assertEqual(self.stored(), text)

    def test_a_rotated_set_is_stored_in_order_and_once_after_the_next_rotation(self):
        parts = [lines(3000 * i, 3000) for i in range(4)]
        self.write("audit.log.2.gz", gzip.compress(parts[0]))
        self.write("audit.log.1", parts[1])
        self.write("audit.log", parts[2])
        paths = [self.directory / name for name in ("audit.log", "audit.log.1", "audit.log.2.gz")]
        self.assertEqual(self.bring(*paths), 9000)
        (self.directory / "audit.log").rename(self.directory / "audit.log.1")
        self.write("audit.log", parts[3])
        self.assertEqual(self.bring(*paths[:2]), 3000)
        self.assertEqual(self.stored(), b"".join(parts))

    def test_an_import_that_was_killed_goes_on_where_it_was(self):
        text = lines(0, 900_000)
        log = self.write("audit.log", text)
        chance = random.Random(1)
        for _ in range(6):
            process = subprocess.Popen(
                [auspex.BIN / "auspex", "import", "--store", self.store, "--host", "web1", log],
                stdout=subprocess.DEVNULL, preexec_fn=auspex.die_with_parent)
            try:
                process.wait(chance.uniform(0, 0.3))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.bring(log)
        self.assertEqual(self.bring(log), 0)
        self.assertEqual(self.stored(), text)

    def test_check_names_what_is_damaged(self):
        self.bring(self.write("audit.log", lines(0, 40_000)))
        largest = max((self.store / "db").glob("*.sst"), key=lambda path: path.stat().st_size)
        damaged = bytearray(largest.read_bytes())
        damaged[len(damaged) // 3] ^= 1
        largest.write_bytes(damaged)
        run = subprocess.run(
            [auspex.BIN / "auspex", "store", "check", "--store", self.store],
            capture_output=True, check=False)
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"block ", run.stdout + run.stderr)
        self.assertIn(largest.name.encode(), run.stdout + run.stderr)


if __name__ == "__main__":
    unittest.main()
