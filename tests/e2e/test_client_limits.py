"""What the server refuses by its configuration, and how many clients it bears."""

import os
import pathlib
import resource
import socket
import tempfile
import unittest

import auspex
from auspex import ACK, HEARTBEAT, MESSAGE, Frame, frame, unique_record

CONNECTIONS = 10_000

# TCP_REPAIR of linux/tcp.h, which Python has no name for: a socket closed in that mode sends
# nothing, like a host that lost its power.
TCP_REPAIR = 19


class PerAddressTest(auspex.ServerTest):
    keys = {"tcp_max_per_addr": 2}

    def test_refuses_one_connection_too_many(self):
        first = self.client()
        second = self.client(first.address)
        first.deliver(unique_record())
        second.deliver(unique_record())
        third = self.plain(first.address)
        port = third.getsockname()[1]
        self.assertTrue(auspex.ended_by_server(third))
        refusal = (b"op=dup", b"res=no", f"addr={first.address}".encode(), f"port={port}".encode())
        self.wait_own_record("DAEMON_ACCEPT", *refusal)
        first.deliver(unique_record())
        second.deliver(unique_record())

    def test_accepts_again_once_one_has_gone(self):
        first = self.client()
        first.deliver(unique_record())
        second = self.client(first.address)
        second.deliver(unique_record())
        port = second.socket.getsockname()[1]
        second.socket.close()
        self.wait_own_record("DAEMON_CLOSE", f"port={port}".encode())
        self.client(first.address).deliver(unique_record())


class OnePerAddressByDefaultTest(auspex.ServerTest):
    def test_refuses_the_second_connection(self):
        first = self.client()
        first.deliver(unique_record())
        self.assertTrue(auspex.ended_by_server(self.plain(first.address)))
        self.wait_own_record("DAEMON_ACCEPT", b"op=dup", b"res=no")
        first.deliver(unique_record())


class SourcePortTest(auspex.ServerTest):
    keys = {"tcp_client_ports": "21000-21100", "tcp_max_per_addr": 1024}

    def good_source_port(self):
        return 21100

    def test_refuses_other_ports(self):
        for port in (20999, 21101):
            with self.subTest(port=port):
                client = self.client(source_port=port)
                self.assertIsNone(client.receive())
                refusal = (b"op=port", b"res=no", f"addr={client.address}".encode())
                self.wait_own_record("DAEMON_ACCEPT", *refusal)

    def test_accepts_the_ports_of_the_range(self):
        for port in (21000, 21050, 21100):
            with self.subTest(port=port):
                self.client(source_port=port).deliver(unique_record())


class IdleTest(auspex.ServerTest):
    keys = {"tcp_client_max_idle": 5}

    def test_closes_a_silent_client_and_keeps_one_that_beats(self):
        silent = self.plain()
        half = self.client()
        half.raw(frame(MESSAGE, 1, unique_record())[:20])
        beating = self.client()
        silent.settimeout(0.01)

        def silent_is_closed():
            sequence = beating.heartbeat()
            self.assertEqual(beating.receive(), Frame(ACK, sequence))
            try:
                return auspex.ended_by_server(silent)
            except TimeoutError:
                return False

        auspex.wait_for(silent_is_closed, "the end of the silent client")
        beating.deliver(unique_record())
        self.assertIsNone(half.receive())


class StaleTest(auspex.ServerTest):
    keys = {"replace_stale_connection": "yes"}

    def vanish(self, client):
        """Ends a connection without a word to the server, as a power cut does."""
        try:
            client.socket.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        except PermissionError:
            self.skipTest("TCP_REPAIR needs CAP_NET_ADMIN")
        client.socket.close()

    def deliver_with_retries(self, address, record):
        """As a stock client: connects again until the record is acknowledged."""

        def delivered():
            with auspex.ManagedClient(self.server, address) as client:
                try:
                    client.send(record)
                except ConnectionError:
                    return False
                return client.receive() == Frame(ACK, 1)

        auspex.wait_for(delivered, "the ack of a client that came back")

    def test_lets_a_client_back_in_whose_host_has_rebooted(self):
        client = self.client()
        records = [unique_record(), unique_record()]
        client.deliver(records[0])
        self.vanish(client)
        self.deliver_with_retries(client.address, records[1])
        self.expect_stored(client.address, records)

    def test_still_refuses_a_second_connection_of_a_living_client(self):
        first = self.client()
        first.deliver(unique_record())
        self.assertTrue(auspex.ended_by_server(self.plain(first.address)))
        first.deliver(unique_record())


@unittest.skipUnless(os.geteuid() == 0, "a mount namespace for hosts.deny needs root")
class WrappersTest(auspex.ServerTest):
    keys = {"use_libwrap": "yes"}

    def setUp(self):
        rules = tempfile.TemporaryDirectory(prefix="auspex-e2e-")
        self.addCleanup(rules.cleanup)
        deny = pathlib.Path(rules.name) / "hosts.deny"
        deny.write_text("auditd: 127.9.9.9\n")
        if not pathlib.Path("/etc/hosts.deny").exists():
            self.skipTest("no /etc/hosts.deny to mount over")
        mount = f'mount --bind {deny} /etc/hosts.deny && exec "$@"'
        self.prefix = ["unshare", "-m", "sh", "-c", mount, "sh"]
        super().setUp()

    def test_refuses_whom_hosts_deny_names(self):
        self.assertTrue(auspex.ended_by_server(self.plain("127.9.9.9")))
        self.wait_own_record("DAEMON_ACCEPT", b"op=wrap", b"res=no", b"addr=127.9.9.9")
        self.client("127.9.9.8").deliver(unique_record())


class ManyClientsTest(auspex.ServerTest):
    def setUp(self):
        needed = CONNECTIONS + 1000
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < needed:
            if hard != resource.RLIM_INFINITY and hard < needed:
                self.skipTest(f"RLIMIT_NOFILE is {hard}, {needed} are needed")
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        super().setUp()

    def test_serves_ten_thousand_connections(self):
        clients = []
        for start in range(0, CONNECTIONS, 100):
            batch = [self.client() for _ in range(100)]
            for client in batch:
                client.heartbeat()
            for client in batch:
                self.assertEqual(client.receive(), Frame(ACK, 1), f"after {start}")
            clients += batch
        records = {client: unique_record(client.address) for client in clients}
        for client, record in records.items():
            client.send(record)
        for client in clients:
            self.assertEqual(client.receive(), Frame(ACK, 2))
        stored = self.server.search("-m", "USER_LOGIN")
        self.assertEqual(sorted(stored), sorted(records.values()))

    def test_serves_fast_clients_beside_slow_ones(self):
        """Slow ones give a byte each time that the fast ones were all served."""
        slow_frame = frame(MESSAGE, 1, unique_record("slow"))
        slow = [self.client() for _ in range(50)]
        fast = [self.client() for _ in range(10)]
        for byte in slow_frame:
            for client in slow:
                client.raw(bytes([byte]))
            for client in fast:
                client.deliver(unique_record())
        for client in slow:
            self.assertEqual(client.receive(), Frame(ACK, 1))
        for client in fast:
            stored = self.server.search("--host", client.address)
            self.assertEqual(len(stored), len(slow_frame))

    def test_serves_others_beside_a_client_that_floods(self):
        flood = self.client()
        flood.socket.setblocking(False)
        beats = b"".join(frame(HEARTBEAT, sequence) for sequence in range(1024))
        good = self.client()
        for _ in range(200):
            try:
                flood.socket.send(beats)
                flood.socket.recv(2**20)
            except OSError:
                pass  # As much as the server takes, even if it hangs up.
            good.deliver(unique_record())


if __name__ == "__main__":
    unittest.main()
