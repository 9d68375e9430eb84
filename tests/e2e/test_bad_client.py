"""Clients that break the formats, by accident or by malice. Each test ends by showing that the
server still serves a good client."""

import random
import unittest

import auspex
from auspex import ACK, HEARTBEAT, MESSAGE, Frame, frame, unique_record


class FramesTest(auspex.ServerTest):
    def test_takes_several_frames_from_one_write(self):
        client = self.client()
        records = [unique_record() for _ in range(100)]
        client.raw(b"".join(frame(MESSAGE, 7 + i, r + b"\n") for i, r in enumerate(records)))
        for index in range(len(records)):
            self.assertEqual(client.receive(), Frame(ACK, 7 + index))
        self.expect_stored(client.address, records)

    def test_takes_one_frame_from_many_writes(self):
        client = self.client()
        record = unique_record()
        for byte in frame(MESSAGE, 1, record + b"\n"):
            client.raw(bytes([byte]))
        self.assertEqual(client.receive(), Frame(ACK, 1))
        self.expect_stored(client.address, [record])

    def test_takes_a_record_without_its_newline(self):
        client = self.client()
        record = unique_record()
        self.assertEqual(client.send(record, newline=False), 1)
        self.assertEqual(client.receive(), Frame(ACK, 1))
        self.expect_stored(client.address, [record])

    def test_takes_the_longest_records(self):
        client = self.client()
        records = [unique_record(size=8970), unique_record(size=16384)]
        for record in records:
            client.deliver(record)
        self.expect_stored(client.address, records)

    def test_answers_heartbeats(self):
        client = self.client()
        for _ in range(3):
            sequence = client.heartbeat()
            self.assertEqual(client.receive(), Frame(ACK, sequence))
        record = unique_record()
        client.deliver(record)
        self.expect_stored(client.address, [record])

    def test_ends_a_session_at_a_bad_frame(self):
        body = unique_record()
        bad_frames = {
            "magic": frame(MESSAGE, 2, body, magic=0xFE0000FF),
            "ascii": body + b"\n",
            "header version": frame(MESSAGE, 2, body, versions=(1, 0)),
            "message version": frame(MESSAGE, 2, body, versions=(0, 1)),
            "unknown type": frame(0x00000002, 2, body),
            "type of a server": frame(ACK, 2),
            "length": frame(MESSAGE, 2, length=16386) + b"x" * 16386,
            "longest length": frame(MESSAGE, 2, length=65535) + b"x" * 65535,
        }
        for name, bad in bad_frames.items():
            with self.subTest(name):
                client = self.client()
                good = unique_record()
                client.deliver(good)
                try:
                    client.raw(bad)
                except ConnectionError:
                    pass  # Ended while we were still talking.
                self.assertIsNone(client.receive())
                self.expect_stored(client.address, [good])
                self.assertEqual(self.server.search("--host", client.address, "--malformed"), [])

    def test_ends_a_session_that_begins_with_a_bad_frame(self):
        for versions, kind in [((1, 0), MESSAGE), ((0, 0), 0x1234)]:
            with self.subTest(versions=versions, kind=kind):
                client = self.client()
                client.raw(frame(kind, 1, unique_record(), versions=versions))
                self.assertIsNone(client.receive())
                self.expect_stored(client.address, [])

    def test_drops_a_frame_that_is_cut_off(self):
        whole = frame(MESSAGE, 2, unique_record() + b"\n")
        for cut in (1, 4, 15, 16, 17, len(whole) - 1):
            with self.subTest(cut=cut):
                client = self.client()
                good = unique_record()
                client.deliver(good)
                client.raw(whole[:cut])
                client.socket.shutdown(auspex.socket.SHUT_WR)
                self.assertIsNone(client.receive())
                self.expect_stored(client.address, [good])

    def test_acknowledges_a_message_without_a_record(self):
        client = self.client()
        client.raw(frame(MESSAGE, 1) + frame(MESSAGE, 2, b"\n"))
        self.assertEqual(client.receive(), Frame(ACK, 1))
        self.assertEqual(client.receive(), Frame(ACK, 2))
        record = unique_record()
        client.sequence = 2
        client.deliver(record)
        self.expect_stored(client.address, [record])

    def test_survives_random_bytes(self):
        noise = random.Random(4711)
        for start in (b"", b"\xfe", frame(MESSAGE, 1)[:4], frame(MESSAGE, 1)[:10]):
            with self.subTest(start=start):
                client = self.client()
                try:
                    client.raw(start + noise.randbytes(200_000))
                    client.socket.shutdown(auspex.socket.SHUT_WR)
                except OSError:
                    pass  # Ended while we were still talking.
                self.assertTrue(auspex.ended_by_server(client.socket))
                self.expect_stored(client.address, [])

    def test_keeps_a_malformed_record_for_what_it_is(self):
        malformed = [
            b"not a record",
            b"type=CWD msg=audit(nonsense): cwd=1",
            unique_record("two\nlines"),
            b"\x00\x01\x02\xff\xfe",
        ]
        for record in malformed:
            with self.subTest(record=record):
                client = self.client()
                client.deliver(record)
                options = ("--host", client.address)
                self.expect_stored(client.address, [])
                found = auspex.search_bytes(self.server.store, *options, "--malformed")
                self.assertEqual(found, record + b"\n")

    def test_keeps_a_record_with_a_nul_byte_for_byte(self):
        client = self.client()
        record = unique_record("before\0after")
        client.deliver(record)
        options = ("--host", client.address)
        found = auspex.search_bytes(self.server.store, *options)
        found += auspex.search_bytes(self.server.store, *options, "--malformed")
        self.assertEqual(found, record + b"\n")

    def test_survives_a_reset_within_a_frame(self):
        client = self.client()
        client.raw(frame(MESSAGE, 1, unique_record())[:40])
        auspex.reset(client.socket)
        self.expect_stored(client.address, [])

    def test_survives_a_reset_with_acks_unread(self):
        client = self.client()
        records = [unique_record() for _ in range(200)]
        for record in records:
            client.send(record)
        self.assertEqual(client.receive(), Frame(ACK, 1))
        auspex.reset(client.socket)
        self.expect_good_service()
        stored = self.server.search("--host", client.address)
        self.assertEqual(stored, records[: len(stored)])

    def test_serves_others_beside_silent_clients(self):
        silent = self.client()
        half = self.client()
        half.raw(frame(MESSAGE, 1, unique_record())[:20])
        self.expect_good_service()
        silent.deliver(unique_record())

    def test_bounds_what_it_keeps_for_a_client_that_reads_no_acks(self):
        client = self.client()
        client.socket.settimeout(2)
        beats = b"".join(frame(HEARTBEAT, sequence) for sequence in range(4096))
        before = self.server.rss_bytes()
        sent = 0
        try:
            while sent < 256 * 2**20:
                client.raw(beats)
                sent += len(beats)
        except (TimeoutError, ConnectionError):
            pass  # No longer read, or hung up on: either is a limit.
        self.assertLess(sent, 256 * 2**20, "takes frames without end while no ack is read")
        self.assertLess(self.server.rss_bytes() - before, 64 * 2**20)


class LinesTest(auspex.ServerTest):
    def send(self, data):
        """Sends the bytes as the whole of an ascii session, and returns its host."""
        address = auspex.unique_address()
        plain = self.plain(address)
        plain.sendall(data)
        plain.shutdown(auspex.socket.SHUT_WR)
        self.assertEqual(plain.recv(1), b"", "an answer to an ascii client")
        return address

    def test_stores_lines_without_an_answer(self):
        records = [unique_record() for _ in range(50)]
        self.wait_stored(self.send(b"".join(record + b"\n" for record in records)), records)

    def test_takes_one_line_from_many_writes(self):
        address = auspex.unique_address()
        plain = self.plain(address)
        record = unique_record()
        for byte in record + b"\n":
            plain.send(bytes([byte]))
        self.wait_stored(address, [record])

    def test_keeps_a_garbage_line_as_malformed(self):
        good = unique_record()
        address = self.send(b"GET / HTTP/1.1\r\n" + good + b"\n")
        self.wait_stored(address, [good])
        malformed = auspex.search_bytes(self.server.store, "--host", address, "--malformed")
        self.assertEqual(malformed, b"GET / HTTP/1.1\r\n")

    def test_takes_a_wrong_magic_for_a_line(self):
        good = unique_record()
        address = self.send(b"\x00\x00\x00\xff not a frame\n" + good + b"\n")
        self.wait_stored(address, [good])
        malformed = self.server.search("--host", address, "--malformed")
        self.assertEqual(malformed, [b"\x00\x00\x00\xff not a frame"])

    def test_ends_a_session_whose_line_has_no_end(self):
        address = auspex.unique_address()
        plain = self.plain(address)
        good = unique_record()
        before = self.server.rss_bytes()
        try:
            plain.sendall(good + b"\n")
            for _ in range(64):
                plain.sendall(b"x" * 2**20)
        except ConnectionError:
            pass  # Ended while we were still talking.
        self.assertTrue(auspex.ended_by_server(plain))
        self.assertLess(self.server.rss_bytes() - before, 32 * 2**20)
        self.wait_stored(address, [good])


class EndTest(auspex.ServerTest):
    def test_says_ending_to_each_client_at_its_stop(self):
        clients = [self.client() for _ in range(20)]
        for client in clients:
            client.deliver(unique_record())
        self.assertEqual(self.server.stop(), 0)
        for client in clients:
            self.assertEqual(client.receive().type, auspex.ENDING)
            self.assertIsNone(client.receive())

    def test_stores_what_it_acknowledged_before_its_stop(self):
        clients = [self.client() for _ in range(20)]
        sent = {client: [unique_record() for _ in range(300)] for client in clients}
        for client, records in sent.items():
            client.raw(b"".join(frame(MESSAGE, i + 1, r) for i, r in enumerate(records)))
        self.assertEqual(self.server.stop(), 0)
        for client, records in sent.items():
            self.expect_prefix(client, records)

    def test_stores_what_it_acknowledged_before_a_kill(self):
        clients = [self.client() for _ in range(20)]
        sent = {client: [unique_record() for _ in range(300)] for client in clients}
        for client, records in sent.items():
            client.raw(b"".join(frame(MESSAGE, i + 1, r) for i, r in enumerate(records)))
        self.assertEqual(clients[0].receive(), Frame(ACK, 1))
        self.server.kill()
        self.expect_prefix(clients[0], sent[clients[0]], already_acked=1)
        for client in clients[1:]:
            self.expect_prefix(client, sent[client])
        self.server.start()

    def expect_prefix(self, client, records, already_acked=0):
        """What is stored are the first records in order, at least those with an ack."""
        acked = already_acked
        while True:
            reply = client.receive()
            if reply is None or reply.type != ACK:
                break
            acked += 1
            self.assertEqual(reply.sequence, acked)
        stored = self.server.search("--host", client.address)
        self.assertGreaterEqual(len(stored), acked)
        self.assertEqual(stored, records[: len(stored)])

    def test_drops_the_retry_of_a_record_whose_ack_was_lost(self):
        client = self.client()
        records = [unique_record() for _ in range(2)]
        client.deliver(records[0])
        client.send(records[1])
        auspex.wait_for(
            lambda: self.server.search("--host", client.address) == records, "the second record"
        )
        self.server.kill()
        self.server.start()
        again = self.client(client.address)
        again.sequence = client.sequence - 1
        again.deliver(records[1])
        self.expect_stored(client.address, records)

    def test_keeps_equal_records_of_one_session(self):
        client = self.client()
        record = unique_record()
        client.deliver(record)
        client.deliver(record)
        self.expect_stored(client.address, [record, record])


if __name__ == "__main__":
    unittest.main()
