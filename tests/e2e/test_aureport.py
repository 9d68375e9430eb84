"""`auspex report` beside the real aureport: the same bytes and the same exit status, for every
report and option, on real logs, on captures of kernel events that are made here, and on synthetic
records; of a log, of a store, and of a pipe."""

import collections
import re
import tempfile
import unittest

import aureport_table
import auspex
import captures
import golden
import real_tools

DATA = auspex.ROOT / "tests" / "data"

# Of so many comparisons one is made through a pipe, too.
PIPE_EVERY = 7


def real(options, stdin=None):
    status, text, message = golden.run(
        [real_tools.directory() / "sbin" / "aureport", *options], real_tools.environment(), stdin)
    # It looks for the configuration of an auditd, which is not installed here.
    said = [line for line in message.splitlines()
            if b"auditd.conf" not in line and b"built-in logs" not in line]
    return status, text, said


def ours(options, stdin=None):
    status, text, message = golden.run(
        [auspex.BIN / "auspex", "report", *options, "--local-names"], auspex.utc_environment(),
        stdin)
    return status, text, message.splitlines()


def comparable(options, text):
    """The output but for where the range of the log begins, which the real one does not know if
    there is a start."""
    if "-ts" in options or "--start" in options:
        text = re.sub(rb"^(Range of time in logs: ).* - ", rb"\1", text, flags=re.MULTILINE)
    return text


def of_each_node(options, log):
    """What the real one says of the time of each host, as a store has them: by name. A host is
    called by the node in its records, if there is one."""
    nodes = collections.defaultdict(list)
    for record in log.read_bytes().splitlines(True):
        nodes[(re.match(rb"node=(\S+) ", record) or [None, b"h"])[1]].append(record)
    status, text, said = real([*options, "-if", log])
    lines = text.splitlines(True)[:-1]
    for node in sorted(nodes):
        with tempfile.NamedTemporaryFile() as part:
            part.write(b"".join(nodes[node]))
            part.flush()
            _, text, _ = real([*options, "-if", part.name])
            lines.append(text.splitlines(True)[-1].replace(part.name.encode(), node))
    return status, b"".join(lines), said


def in_any_order(text):
    """The lines without their numbers."""
    return sorted(re.sub(rb"^\d+\. ", b"", line) for line in text.split(b"\n"))


class AureportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        real_tools.directory()
        cls.directory = tempfile.TemporaryDirectory(prefix="auspex-e2e-")
        cls.addClassCleanup(cls.directory.cleanup)

    def compare(self, paths):
        """Compares all command lines on all logs. Returns how many, and prints it."""
        logs = [golden.Log(path.stem, path, self.directory.name) for path in paths]
        jobs = golden.share([(log, options) for log in logs
                             for options in aureport_table.command_lines(log.records)])
        for log, options in jobs:
            log.files(aureport_table.deviations_of(options))
        piped = range(0, len(jobs), PIPE_EVERY)
        print(f"{len(jobs)} commands to compare on {len(logs)} logs, each twice, "
              f"{len(piped)} of a pipe, too", flush=True)
        golden.compare(self, [(log, options, number in piped)
                              for number, (log, options) in enumerate(jobs)], self.compare_one)
        return len(jobs)

    def compare_one(self, job):
        log, options, is_piped = job
        file, store = log.files(aureport_table.deviations_of(options))
        expected = real([*options, "-if", file])
        found = [("-if", expected, ours([*options, "-if", file]))]
        if "-t" not in options and "--log" not in options:
            found.append(("--store", expected, ours([*options, "--store", store])))
        elif not golden.goes_back(log.records):
            found.append(("--store", of_each_node(options, file),
                          ours([*options, "--store", store])))
        if is_piped and "--input-logs" not in options:
            records = file.read_bytes()
            found.append(("<", real(options, records), ours(options, records)))
        wrong = []
        for where, *both in found:
            expected, found_here = ((status, comparable(options, text), said)
                                    for status, text, said in both)
            is_equal = found_here[:2] == expected[:2]
            if where == "--store" and golden.order_depends_on_range(options, log.records):
                is_equal = in_any_order(found_here[1]) == in_any_order(expected[1])
            if not is_equal:
                told = golden.difference(expected, found_here, "aureport")
                command = " ".join([*options, where])
                wrong.append(f"{log.name}: {command}\n{told}")
        return wrong

    def test_1_on_real_logs(self):
        paths = sorted((auspex.SHARED / "corpus").glob("*.log"))
        if not paths:
            self.skipTest(f"no logs in {auspex.SHARED / 'corpus'}")
        self.assertGreater(self.compare(paths), 400)

    def test_2_on_the_logs_of_the_tests(self):
        paths = [DATA / name for name in ("audit.log", "report.log", "report_nodes.log")]
        self.assertGreater(self.compare(paths), 50)

    def test_3_on_captures_of_kernel_events(self):
        self.assertGreater(self.compare(captures.make(self.directory.name)), 30)

    def test_4_the_synthetic_log_has_lines_for_every_report(self):
        for names in aureport_table.REPORTS:
            with self.subTest(names[-1]):
                status, text, _ = real([names[-1], "-if", DATA / "report.log"])
                self.assertNotIn(b"<no events of interest", text)
                self.assertEqual(status, 0)

    def test_5_refuses_in_the_same_words(self):
        for options in aureport_table.MISUSE:
            with self.subTest(options):
                status, _, said = real(options)
                self.assertEqual(status, 1)
                self.assertEqual(ours(options)[::2], (status, said))

    def test_6_refuses_in_other_words(self):
        for options in aureport_table.MISUSE_IN_OTHER_WORDS:
            with self.subTest(options):
                self.assertEqual(real(options)[::2], (1, [b"Unimplemented option"]))
                status, text, said = ours(options)
                self.assertEqual((status, text, len(said)), (1, b"", 1))

    def test_7_has_no_summary_of_what_is_a_list_only(self):
        for name in aureport_table.WITHOUT_SUMMARY:
            for options in ([name, "--summary"], ["--summary", name, "-i"]):
                with self.subTest(options):
                    place = ["-if", DATA / "report.log"]
                    expected = (1, b"\n", [b"Unimplemented option"])
                    self.assertEqual(real([*options, *place]), expected)
                    self.assertEqual(ours([*options, *place]), expected)

    def test_8_reports_on_what_a_search_finds(self):
        log = golden.Log("searched", DATA / "report.log", self.directory.name)
        _, store = log.files(tuple(aureport_table.DEVIATIONS))
        for conditions in (["-m", "SYSCALL"], ["-ul", "1001"], ["-sv", "no"], ["-k", "net"],
                           ["-m", "USER_LOGIN,USER_AUTH"], ["-x", "/usr/sbin/sshd", "-w"],
                           ["-k", "no-such-key"]):
            command = [auspex.BIN / "auspex", "search", *conditions, "--raw", "--store", store]
            _, found, _ = golden.run(command, auspex.utc_environment())
            for options in ([], ["-i"], ["-f", "-i"], ["-au"], ["-l", "-i"], ["-x", "--summary"],
                            ["-s", "-i", "--failed"], ["-e", "--summary", "-i"], ["-t"]):
                with self.subTest(search=conditions, report=options):
                    self.assertEqual(ours(options, found)[:2], real(options, found)[:2])


if __name__ == "__main__":
    unittest.main()
