"""`auspex report` beyond aureport: hosts apart, CSV and JSON, limits, pipes, and what it refuses. Reports of
a log and of a store of it say the same."""

import csv
import io
import json
import subprocess
import tempfile
import unittest

import auspex
import golden

LOG = auspex.ROOT / "tests" / "data" / "report_nodes.log"


def report(*options, stdin=None):
    """Exit status, output and messages."""
    command = [auspex.BIN / "auspex", "report", *options]
    return golden.run(command, auspex.utc_environment(), stdin)


def lines_of(serials, host="web1"):
    return b"".join(
        b"node=%s type=USER_CMD msg=audit(1600000%03d.%03d:%d): pid=1 uid=0 auid=1000 ses=1 "
        b"msg='cwd=\"/\" cmd=\"x\" terminal=pts/0 res=success'\n"
        % (host.encode(), serial // 1000, serial % 1000, serial) for serial in serials)


class ReportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="auspex-e2e-")
        cls.addClassCleanup(directory.cleanup)
        cls.directory = directory.name
        # A store calls a host without a name as the import does; here all have one.
        cls.records = [line if line.startswith(b"node=") else b"node=h " + line
                       for line in LOG.read_bytes().splitlines()]
        cls.log = f"{cls.directory}/nodes.log"
        with open(cls.log, "wb") as log:
            log.write(b"".join(record + b"\n" for record in cls.records))
        cls.store = cls.import_log("store", cls.log)

    @classmethod
    def import_log(cls, name, *logs):
        store = f"{cls.directory}/{name}"
        for log in logs:
            # Each in an import of its own, so that they are sealed one by one.
            command = [auspex.BIN / "auspex", "import", "--store", store, "--host", "h", log]
            subprocess.run(command, check=True, capture_output=True)
        return store

    def both(self, *options):
        """What a log and a store of it say: the same."""
        status, text, _ = report(*options, "-if", self.log)
        self.assertEqual((status, text), report(*options, "--store", self.store)[:2], options)
        return status, text

    def test_tells_hosts_apart_in_a_log_as_in_a_store(self):
        for kind in ([], ["-e"], ["-x"], ["-p"], ["-l"], ["--crypto"], ["-u", "-i"]):
            for form in ([], ["--summary"], ["--summary", "-i"], ["--failed"]):
                for style in ("text", "csv", "json"):
                    for limit in ([], ["--limit", "1"]):
                        self.both(*kind, *form, *limit, "--format", style, "--by-host")

    def test_sums_up_the_same_as_its_hosts(self):
        _, text = self.both("--by-host", "--format", "json")
        hosts = [json.loads(line) for line in text.splitlines()]
        _, text = self.both("--format", "json")
        for name in ("events", "failed_logins", "failed_authentications", "avcs", "anomalies"):
            self.assertEqual(sum(host[name] for host in hosts), json.loads(text)[name], name)
        _, text = self.both("--by-host")
        self.assertEqual(len(text.splitlines()), 5 + len(hosts) + (len(hosts) > 1))

    def test_has_a_title_for_each_host_with_rows(self):
        status, text = self.both("-e", "--by-host")
        titles = [line for line in text.splitlines() if line.startswith(b"Event Report, host ")]
        self.assertEqual(status, 0)
        self.assertEqual(titles, sorted(set(titles)))
        self.assertGreater(len(titles), 1)
        self.assertEqual(sum(line.startswith(b"1. ") for line in text.splitlines()), len(titles))

    def test_says_that_no_host_has_rows(self):
        status, text = self.both("--virt", "--by-host")
        self.assertEqual(status, 1)
        self.assertIn(b"Virtualization Report", text)
        self.assertTrue(text.endswith(b"<no events of interest were found>\n\n"))

    def test_limits_the_rows_of_each_host(self):
        for style in ("text", "csv", "json"):
            _, text = self.both("-e", "--by-host", "--limit", "1", "--format", style)
            rows = [line for line in text.splitlines() if b"2023-11" in line or b"11/16/23" in line]
            self.assertEqual(len(rows), len(set(self.nodes())), style)

    def nodes(self):
        return [record.split(b" ")[0][5:] for record in self.records]

    def test_reports_on_some_hosts(self):
        name = self.nodes()[0].decode()
        _, of_host, _ = report("-e", "--store", self.store, "--host", name)
        _, of_node, _ = report("-e", "-if", self.log, "--node", name)
        self.assertEqual(of_host, of_node)
        self.assertEqual(report("-e", "--store", self.store, "--host", "nobody*")[0], 1)

    def test_writes_rows_that_programs_read(self):
        _, text = self.both("-e", "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(text.decode())))
        _, text = self.both("-e", "--format", "json")
        objects = [json.loads(line) for line in text.splitlines()]
        self.assertEqual(len(rows), len(objects))
        for row, one in zip(rows, objects):
            known = {name: value for name, value in row.items() if value}
            self.assertEqual(known, {name: str(value) for name, value in one.items()})
            self.assertIsInstance(one["serial"], int)

    def test_counts_what_was_lost_whatever_the_order_of_blocks(self):
        # A full block between two small ones, which are merged around it; four serials are missing.
        parts = [range(1, 3001), range(3001, 23001), range(23005, 26001)]
        logs = []
        for number, part in enumerate(parts):
            logs.append(f"{self.directory}/part{number}")
            with open(logs[-1], "wb") as log:
                log.write(lines_of(part))
        whole = f"{self.directory}/whole"
        with open(whole, "wb") as log:
            log.write(b"".join(lines_of(part) for part in parts))
        store = self.import_log("lost", *logs)
        for where in (["--store", store], ["-if", whole]):
            _, text, _ = report("--by-host", "--format", "json", *where)
            self.assertEqual(json.loads(text)["lost"], 4, where)

    def test_begins_where_the_log_does(self):
        log = f"{self.directory}/garbage.log"
        with open(log, "wb") as file:
            file.write(b"garbage\n" + lines_of([7]) + lines_of([8]).replace(b"160000", b"170000"))
        store = self.import_log("garbage", log)
        self.assertEqual(report("--store", store)[:2], report("-if", log)[:2])
        self.assertIn(b"Range of time in logs: 09/13/20", report("--store", store)[1])

    def test_escapes_names_of_hosts(self):
        log = f"{self.directory}/strange.log"
        with open(log, "wb") as file:
            file.write(lines_of([1], "a\x1b[31mb"))
        for options in (["-e", "--by-host"], ["--by-host"], ["-e", "--summary", "--by-host"]):
            status, text, _ = report(*options, "-if", log)
            self.assertEqual(status, 0)
            self.assertIn(rb"a\033[31mb", text)
            self.assertNotIn(b"\x1b", text)

    def test_takes_the_store_for_a_host_even_beside_a_pipe(self):
        _, of_store, _ = report("-e", "--store", self.store, "--host", "*")
        status, _, said = report("-e", "--host", "*", stdin=b"")
        # Without a store at the default place it says so, and does not report on the pipe.
        self.assertTrue(status == 0 or b"which store" in said, (status, said))
        self.assertTrue(of_store)

    def test_says_how_the_store_was_read(self):
        self.assertIn(b"added up without opening them",
                      report("--store", self.store, "--explain")[2])
        self.assertIn(b"read by their columns", report("-e", "--store", self.store, "--explain")[2])

    def test_tells_that_its_output_is_lost(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([auspex.BIN / "auspex", "report", "-if", self.log], stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left on device", done.stderr)


if __name__ == "__main__":
    unittest.main()
