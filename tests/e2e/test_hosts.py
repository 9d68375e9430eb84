"""`auspex hosts` lists what a store and a collector know of each host, and what agents say that was lost."""

import json
import shutil
import struct
import subprocess
import unittest

import auspex
import test_remote

# What an agent says, field by field: Losses of ingest.proto, behind the boot_id.
PACE = ["records_per_second", "clock_lag_ms", "last_received"]
CAUSES = ["kernel", "overruns", "missing", "queue", "spool", "aged", "errors"]


def varint(number):
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def number_field(tag, number):
    return varint(tag << 3) + varint(number)


def bytes_field(tag, content):
    return varint(tag << 3 | 2) + varint(len(content)) + content


def batch(number, records, boot=None, **lost):
    """A Batch of ingest.proto, which tells what was lost since the boot."""
    content = number_field(1, number) + number_field(2, number - 1)
    content += b"".join(bytes_field(3, record) for record in records)
    if boot is not None:
        totals = [number_field(2 + CAUSES.index(cause), count) for cause, count in lost.items()]
        content += bytes_field(4, bytes_field(1, boot) + b"".join(totals))
    return bytes_field(2, content)


def grpc_message(content):
    return struct.pack(">BI", 0, len(content)) + content


def speaks_http2():
    if shutil.which("curl") is None:
        return False
    version = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True)
    return "HTTP2" in version.stdout.split()


class Agent:
    """Delivers as an agent does, with the certificate of that name."""

    def __init__(self, collector, name):
        self.collector = collector
        self.name = name

    def deliver(self, *batches, series=b"series1"):
        """Sends the batches over one stream, and fails unless it ends with all acknowledged. The
        server reads no batch before it has said Welcome, so they may be sent at once."""
        hello = bytes_field(1, bytes_field(1, series))
        of_ours = self.collector.directory / self.name
        run = subprocess.run(
            [
                *("curl", "--silent", "--show-error", "--http2", "--include"),
                *("--cacert", self.collector.ca / "ca.pem"),
                *("--cert", f"{of_ours}.pem", "--key", f"{of_ours}.key"),
                *("--header", "Content-Type: application/grpc", "--header", "TE: trailers"),
                *("--data-binary", "@-"),
                f"https://{self.collector.tls}/auspex.v1.IngestService/Deliver",
            ],
            input=b"".join(map(grpc_message, (hello, *batches))),
            capture_output=True,
            timeout=auspex.PATIENCE_S,
            check=True,
        )
        if not run.stdout.endswith(b"grpc-status: 0\r\n"):
            raise AssertionError(f"{self.name}: {run.stdout} {run.stderr}")


class HostsTest(unittest.TestCase):
    def setUp(self):
        if not speaks_http2():
            self.skipTest("there is no curl that speaks HTTP/2")
        self.collector = test_remote.Collector()
        self.addCleanup(self.collector.close)
        self.root = self.collector.config()
        self.agent = Agent(self.collector, "web1")

    def hosts(self, place, *options):
        """What the command prints. Without a host it is of all but the collector, which writes down
        each question."""
        if "--host" not in options:
            options = ("--host", "[!a]*", *options)
        status, text, said = self.collector.run("hosts", *place, *options, config=self.root)
        self.assertEqual((status, said), (0, b"") if text else (1, b"<no matches>\n"))
        return text.decode()

    def told(self, *options):
        """By name, what it tells of each as JSON, which is the same for the store and for its
        collector; the collector knows how fast a host sends, too."""
        options = ("--format", "json", *options)
        of_store = self.hosts(("--store", self.collector.server.store), *options)
        hosts = [json.loads(line) for line in of_store.splitlines()]
        for address in (self.collector.tls, self.collector.unix):
            asked = self.hosts(("--server", address), *options)
            of_server = [json.loads(line) for line in asked.splitlines()]
            self.pace = {host["host"]: {key: host.pop(key) for key in PACE if key in host}
                         for host in of_server}
            self.assertEqual(of_server, hosts)
        return {host["host"]: host for host in hosts}

    def expect_lost(self, **lost):
        self.assertEqual(self.told()["web1"]["lost"], {cause: 0 for cause in CAUSES} | lost)

    def test_tells_what_is_stored_of_each_host(self):
        self.agent.deliver(batch(1, [b"type=USER msg=audit(1700000000.042:7): pid=1"]))
        self.agent.deliver(batch(2, [b"type=USER msg=audit(1600000000.000:8): pid=1"]))
        told = self.told()
        self.assertEqual(told["web1"], {
            "host": "web1",
            "identity": "certificate",
            "sender": "agent",
            "address": "127.0.0.1",
            "records": 2,
            "bytes": 0,
            "first_event": "2020-09-13T12:26:40.000Z",
            "last_event": "2023-11-14T22:13:20.042Z",
        })
        self.assertEqual(self.pace["web1"].keys(), set(PACE))
        self.assertGreater(self.pace["web1"]["records_per_second"], 0)
        # It has sent what is years old.
        self.assertGreater(self.pace["web1"]["clock_lag_ms"], 365 * 86_400_000)
        self.assertEqual(self.pace["h"], {})
        self.assertEqual((told["h"]["identity"], told["h"]["sender"]), ("node", "import"))
        self.assertGreater(told["h"]["bytes"], 0)
        by_address = told[self.collector.address]
        self.assertEqual((by_address["identity"], by_address["records"]), ("address", 3))
        self.assertEqual(by_address["address"], self.collector.address)
        imported = sum(host["records"] for host in told.values()) - 2 - 3
        self.assertEqual(imported, len(self.collector.log.read_bytes().splitlines()))
        self.assertEqual(list(self.told("--host", "web1", "--host", "h")), ["h", "web1"])
        of_store = ("--store", self.collector.server.store)
        self.assertEqual(self.hosts(of_store, "--host", "no-such-host"), "")
        status, text, _ = self.collector.run("hosts", "--store", self.collector.server.store)
        self.assertEqual(status, 0)
        self.assertIn(b"auspexd", text)

    def test_prints_a_table(self):
        self.agent.deliver(batch(1, [b"type=USER msg=audit(1700000000.042:7): pid=1"], b"boot1",
                                 kernel=12, spool=3))
        of_store = ("--store", self.collector.server.store)
        heading, line = self.hosts(of_store, "--host", "web1", "--utc").splitlines()
        self.assertEqual(heading.split(), ["host", "identity", "sender", "address", "records",
                                           "bytes", "records/s", "clock", "lag", *CAUSES,
                                           "first", "event", "last", "event"])
        self.assertEqual(line.split(), ["web1", "certificate", "agent", "127.0.0.1", "1", "0", "-",
                                        "-", "12", "0", "0", "0", "3", "0", "0",
                                        *["11/14/23", "22:13:20.042"] * 2])
        self.assertEqual(heading.index("first event"), line.index("11/14/23"))

    def test_tells_losses_once_over_a_crash(self):
        lossy = batch(1, [auspex.unique_record()], b"boot1", kernel=5, errors=300)
        self.assertEqual(self.told("--lossy"), {})
        self.agent.deliver(lossy, lossy)
        self.expect_lost(kernel=5, errors=300)
        self.collector.crash()
        self.expect_lost(kernel=5, errors=300)
        self.agent.deliver(lossy, batch(2, [auspex.unique_record()], b"boot2", kernel=2, aged=1))
        self.expect_lost(kernel=7, errors=300, aged=1)
        # What has waited in a spool while something newer was told.
        self.agent.deliver(batch(1, [auspex.unique_record()], b"boot1", kernel=4), series=b"old")
        self.expect_lost(kernel=7, errors=300, aged=1)
        self.assertEqual(list(self.told("--lossy")), ["web1"])

    def test_shows_a_viewer_its_hosts_only(self):
        self.agent.deliver(batch(1, [auspex.unique_record()], b"boot1", kernel=5))
        status, text, said = self.collector.run("hosts", "--server", self.collector.tls, "--format",
                                                "json", config=self.collector.config("alice"))
        self.assertEqual((status, said), (0, b""))
        hosts = [json.loads(line)["host"] for line in text.splitlines()]
        self.assertIn("web1", hosts)
        self.assertEqual(hosts, [host for host in self.told() if host.startswith("web")])

    def test_says_what_it_cannot_do(self):
        for arguments, word in (
            (["--store", self.collector.directory / "none"], "none"),
            (["--server", "127.0.0.1:1"], "127.0.0.1:1"),
        ):
            status, text, said = self.collector.run("hosts", *arguments, config=self.root)
            self.assertEqual((status, text), (1, b""))
            self.assertTrue(said.startswith(b"auspex hosts: "), said)
            self.assertIn(word, said.decode())
        for arguments in (["--format", "xml"], ["--store", "a", "--server", "b"], ["web1"]):
            status, text, said = self.collector.run("hosts", *arguments)
            self.assertEqual((status, text), (1, b""))
            self.assertNotEqual(said, b"")


if __name__ == "__main__":
    unittest.main()
