"""`auspex search` beside the real ausearch: the same bytes and the same exit status, for every
option, on real logs and on captures of kernel events that are made here; of a log, and of a
store."""

import tempfile
import unittest

import ausearch_table
import auspex
import captures
import golden
import real_tools


def real(options, log):
    status, text, message = golden.run(
        [real_tools.directory() / "sbin" / "ausearch", *options, "-if", log],
        real_tools.environment())
    # It prints an 0x1d behind the records of an enriched event that have no tail.
    return status, text.replace(b"\x1d\n", b"\n"), message


def ours(options, *where):
    return golden.run([auspex.BIN / "auspex", "search", *options, *where, "--local-names"],
                      auspex.utc_environment())


class AusearchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        real_tools.directory()
        cls.directory = tempfile.TemporaryDirectory(prefix="auspex-e2e-")
        cls.addClassCleanup(cls.directory.cleanup)

    def compare(self, paths):
        """Compares all command lines on all logs. Prints how many."""
        logs = [golden.Log(path.stem, path, self.directory.name) for path in paths]
        jobs = golden.share([(log, options) for log in logs
                             for options in ausearch_table.command_lines(log.records)])
        for log, options in jobs:
            log.files(ausearch_table.deviations_of(options))
        print(f"{len(jobs)} commands to compare on {len(logs)} logs, each twice", flush=True)
        golden.compare(self, jobs, self.compare_one)
        return len(jobs)

    def compare_one(self, job):
        log, options = job
        file, store = log.files(ausearch_table.deviations_of(options))
        expected = real(options, file)
        wrong = []
        for where in (("-if", file), ("--store", store)):
            found = ours(options, *where)
            is_equal = found[:2] == expected[:2]
            if where[0] == "--store" and golden.order_depends_on_range(options, log.records):
                is_equal = sorted(found[1].split(b"\n")) == sorted(expected[1].split(b"\n"))
            if not is_equal:
                command = " ".join([*options, where[0]])
                told = golden.difference(expected, found, "ausearch")
                wrong.append(f"{log.name}: {command}\n{told}")
        return wrong

    def test_1_on_real_logs(self):
        paths = sorted((auspex.SHARED / "corpus").glob("*.log"))
        if not paths:
            self.skipTest(f"no logs in {auspex.SHARED / 'corpus'}")
        self.assertGreater(self.compare(paths), 300)

    def test_2_on_the_log_of_the_tests(self):
        self.compare([auspex.ROOT / "tests" / "data" / "audit.log"])

    def test_3_on_captures_of_kernel_events(self):
        self.assertGreater(self.compare(captures.make(self.directory.name)), 30)

    def test_4_refuses_in_the_same_words(self):
        for options in ausearch_table.MISUSE:
            with self.subTest(options):
                _, _, expected = golden.run(
                    [real_tools.directory() / "sbin" / "ausearch", *options],
                    real_tools.environment())
                status, text, said = golden.run(
                    [auspex.BIN / "auspex", "search", "--local-names", *options],
                    auspex.utc_environment())
                wanted = [line for line in expected.splitlines() if b"auditd.conf" not in line]
                self.assertEqual((status, said.splitlines(), text), (1, wanted, b""))


if __name__ == "__main__":
    unittest.main()
