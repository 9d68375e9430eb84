"""`auspex search` beside the real ausearch: the same bytes and the same exit status, for every option,
on real logs and on captures of kernel events that are made here; of a log, and of a store."""

import concurrent.futures
import difflib
import pathlib
import subprocess
import tempfile
import unittest

import ausearch_table
import auspex
import captures
import real_tools

WORKERS = 2
SHOWN_LINES = 12


class Log:
    """A log, as it is and without the events of some deviations, each also as a store."""

    def __init__(self, name, path, directory):
        self.name = name
        self.directory = directory
        self.records = [line for line in path.read_bytes().split(b"\n") if line]
        self._files = {}

    def files(self, deviations):
        """The paths of a log and of a store of it."""
        if deviations not in self._files:
            base = pathlib.Path(self.directory) / f"{self.name}-{len(self._files)}"
            log = base.with_suffix(".log")
            store = base.with_suffix(".store")
            left = ausearch_table.without(self.records, deviations)
            log.write_bytes(b"".join(record + b"\n" for record in left))
            command = [auspex.BIN / "auspex", "import", "--store", store, "--host", "h", log]
            subprocess.run(command, check=True, capture_output=True)
            self._files[deviations] = (log, store)
        return self._files[deviations]


def run(command, environment):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=environment,
                          check=False)


def real(options, log):
    done = run([real_tools.directory() / "sbin" / "ausearch", *options, "-if", log],
               real_tools.environment())
    # It prints an 0x1d behind the records of an enriched event that have no tail.
    return done.returncode, done.stdout.replace(b"\x1d\n", b"\n"), done.stderr


def ours(options, *where):
    done = run([auspex.BIN / "auspex", "search", *options, *where, "--local-names"],
               auspex.utc_environment())
    return done.returncode, done.stdout, done.stderr


def difference(expected, found):
    lines = difflib.unified_diff(
        *([line.decode("utf-8", "backslashreplace") for line in text.split(b"\n")]
          for text in (expected[1], found[1])), "ausearch", "auspex", lineterm="", n=0)
    shown = [line[:300] for line, _ in zip(lines, range(SHOWN_LINES))]
    return "\n".join([f"status {expected[0]}, ours {found[0]}", *shown])


class AusearchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        real_tools.directory()
        cls.directory = tempfile.TemporaryDirectory(prefix="auspex-e2e-")
        cls.addClassCleanup(cls.directory.cleanup)

    def compare(self, paths):
        """Compares all command lines on all logs. Prints how many."""
        logs = [Log(path.stem, path, self.directory.name) for path in paths]
        jobs = [(log, options) for log in logs
                for options in ausearch_table.command_lines(log.records)]
        for log, options in jobs:
            log.files(ausearch_table.deviations_of(options))
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            wrong = [text for texts in pool.map(self.compare_one, jobs) for text in texts]
        print(f"{len(jobs)} commands compared on {len(logs)} logs, each twice", flush=True)
        if wrong:
            self.fail(f"{len(wrong)} differ:\n" + "\n\n".join(wrong[:20]))
        return len(jobs)

    def compare_one(self, job):
        log, options = job
        file, store = log.files(ausearch_table.deviations_of(options))
        expected = real(options, file)
        wrong = []
        for where in (("-if", file), ("--store", store)):
            found = ours(options, *where)
            is_equal = found[:2] == expected[:2]
            if where[0] == "--store" and ausearch_table.order_depends_on_range(
                    options, log.records):
                is_equal = sorted(found[1].split(b"\n")) == sorted(expected[1].split(b"\n"))
            if not is_equal:
                command = " ".join([*options, where[0]])
                wrong.append(f"{log.name}: {command}\n{difference(expected, found)}")
        return wrong

    def test_1_on_real_logs(self):
        paths = sorted((auspex.SHARED / "corpus").glob("*.log"))
        if not paths:
            self.skipTest(f"no logs in {auspex.SHARED / 'corpus'}")
        self.assertGreater(self.compare(paths), 300)

    def test_2_on_the_log_of_the_tests(self):
        self.compare([auspex.ROOT / "tests" / "data" / "audit.log"])

    def test_3_on_captures_of_kernel_events(self):
        self.assertGreater(self.compare(captures.make(self.directory.name)), 100)

    def test_4_refuses_in_the_same_words(self):
        for options in ausearch_table.MISUSE:
            with self.subTest(options):
                expected = run([real_tools.directory() / "sbin" / "ausearch", *options],
                               real_tools.environment())
                found = run([auspex.BIN / "auspex", "search", "--local-names", *options],
                            auspex.utc_environment())
                said = [line for line in expected.stderr.splitlines() if b"auditd.conf" not in line]
                self.assertEqual((found.returncode, found.stderr.splitlines(), found.stdout),
                                 (1, said, b""))


if __name__ == "__main__":
    unittest.main()
