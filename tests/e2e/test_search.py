"""Real logs, sent over the network, then asked for: `auspex search --raw` prints what the real
`ausearch --raw` prints for the same records and options, while the server runs and after."""

import collections
import itertools
import re
import tempfile
import time
import unittest

import auspex
import real_tools
from auspex import RECORD, in_event_order, stamp

CORPUS = auspex.SHARED / "corpus"


class SearchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        files = sorted(CORPUS.glob("*.log"))
        if not files:
            raise unittest.SkipTest(f"no logs in {CORPUS}")
        cls.directory = tempfile.TemporaryDirectory(prefix="auspex-e2e-")
        cls.addClassCleanup(cls.directory.cleanup)
        cls.server = auspex.Server().start()
        cls.addClassCleanup(cls.server.close)
        cls.records = collections.defaultdict(list)
        cls.malformed = collections.defaultdict(list)
        for file in files:
            cls.send(file)
        cls.files = {host: cls.write(host) for host in cls.records}
        cls.broken = {host: cls.events_that_ausearch_breaks(host) for host in cls.records}

    @classmethod
    def send(cls, file):
        """Sends a log from an address of its own, and sorts its records by host."""
        with auspex.ManagedClient(cls.server) as client:
            for line in filter(None, file.read_bytes().splitlines()):
                client.deliver(line)
                parsed = RECORD.match(line)
                if parsed is None:
                    cls.malformed[client.address].append(line)
                else:
                    host = parsed[1].decode() if parsed[1] else client.address
                    cls.records[host].append(line)

    @classmethod
    def write(cls, host):
        """The records of one host as a log, for the real ausearch."""
        file = f"{cls.directory.name}/{host}.log"
        with open(file, "wb") as log:
            log.write(b"".join(line + b"\n" for line in cls.records[host]))
        return file

    @classmethod
    def ausearch(cls, host, *options):
        """The records that the real ausearch prints. It prints an 0x1d behind the unenriched
        records of an enriched event, which is none of theirs."""
        sent = set(cls.records[host])
        lines = real_tools.ausearch(cls.files[host], *options).splitlines()
        return [line if line in sent else line.removesuffix(b"\x1d") for line in lines]

    @classmethod
    def events_that_ausearch_breaks(cls, host):
        """It drops an event with a record that it cannot parse (AppArmor, cut off), and makes two
        of one with a late record, even if it is asked for everything. About such events nothing
        can be learned from it."""
        printed = cls.ausearch(host)
        missing = collections.Counter(cls.records[host])
        missing.subtract(printed)
        lost = {stamp(line) for line, count in missing.items() if count > 0}
        pieces = collections.Counter(key for key, _ in itertools.groupby(printed, key=stamp))
        return lost | {key for key, count in pieces.items() if count > 1}

    def questions(self, host):
        """Option lists that fit the records of a host, most of them with matches."""
        lines = self.records[host]
        stamps = sorted(stamp(line) for line in lines)
        types = collections.Counter(RECORD.match(line)[2].decode() for line in lines)
        for name in types:
            yield ["-m", name]
        yield ["-m", ",".join(list(types)[:3])]
        for _, serial in (stamps[0], stamps[len(stamps) // 2], stamps[-1]):
            yield ["-a", str(serial)]
        for node in (b"", lines[0].split(b" ")[0]):
            yield ["-n", node.removeprefix(b"node=").decode() or "no-such-node"]
        for key in sorted(set(re.findall(r'\bkey="([^"]+)"', b"\n".join(lines).decode()))):
            yield ["-k", key]
        middle = time.gmtime(stamps[len(stamps) // 2][0] // 1000)
        date, clock = time.strftime("%m/%d/%y", middle), time.strftime("%H:%M:%S", middle)
        yield ["-ts", date, clock]
        yield ["-te", date, clock]
        yield ["-ts", date, clock, "-te", date, clock]
        yield ["-ts", date, "-m", next(iter(types))]

    def expect_same_answers(self):
        for host in self.records:
            for options in self.questions(host):
                with self.subTest(host=host, options=options):
                    self.expect_same_answer(host, options)

    def expect_same_answer(self, host, options):
        try:
            expected = in_event_order(self.ausearch(host, *options))
        except auspex.SearchRefused:
            with self.assertRaises(auspex.SearchRefused):
                self.server.search("--host", host, *options)
            return
        found = in_event_order(self.server.search("--host", host, *options))
        broken = self.broken[host]
        self.assertEqual(
            [line for line in found if stamp(line) not in broken],
            [line for line in expected if stamp(line) not in broken],
        )

    def expect_all_records(self):
        """Byte for byte, and those that ausearch breaks too."""
        for host, lines in self.records.items():
            with self.subTest(host=host):
                found = self.server.search("--host", host)
                self.assertEqual(in_event_order(found), in_event_order(lines))

    def test_1_answers_as_ausearch_while_the_server_runs(self):
        self.expect_all_records()
        self.expect_same_answers()

    def test_2_finds_malformed_records_only_if_asked(self):
        for address, lines in self.malformed.items():
            with self.subTest(address):
                self.assertEqual(self.server.search("--host", address, "--malformed"), lines)

    def test_3_finds_one_event_if_that_is_enough(self):
        for host, lines in self.records.items():
            with self.subTest(host):
                found = self.server.search("--host", host, "--just-one")
                self.assertEqual(len({stamp(line) for line in found}), 1)
                self.assertLessEqual(set(found), set(lines))

    def test_4_says_that_nothing_matches(self):
        command = [auspex.BIN / "auspex", "search", "--store", self.server.store]
        for options, message in [([], b"<no matches>\n"), (["--raw"], b"")]:
            run = auspex.subprocess.run(
                [*command, *options, "-k", "no-such-key"], capture_output=True)
            self.assertEqual((run.returncode, run.stdout, run.stderr), (1, b"", message))

    def test_5_answers_as_ausearch_after_the_server_has_stopped(self):
        self.assertEqual(self.server.stop(), 0)
        self.expect_all_records()
        self.expect_same_answers()

    def test_6_answers_as_ausearch_after_a_restart(self):
        self.server.start()
        self.expect_all_records()
        self.expect_same_answers()


if __name__ == "__main__":
    unittest.main()
