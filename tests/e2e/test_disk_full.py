"""A disk that is full: clients are told ENDING and keep their records; nothing needs a restart."""

import os
import unittest

import auspex
from auspex import ACK, ENDING, Frame, unique_record

DISK_BYTES = 64 << 20


class DiskFullTest(auspex.ServerTest):
    def setUp(self):
        self.server = auspex.Server()
        self.addCleanup(self.server.close)
        auspex.mount_tmpfs(self, self.server.store, DISK_BYTES)
        self.server.start()

    def fill(self):
        """Takes all space but a little, as another program on the disk would."""
        free = os.statvfs(self.server.store)
        ballast = self.server.store / "ballast"
        with open(ballast, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - (256 << 10))
        return ballast

    def test_tells_clients_to_try_later_and_comes_back_by_itself(self):
        client = self.client()
        address = client.address
        delivered = []
        ballast = self.fill()
        while True:
            record = unique_record(size=8000)
            sequence = client.send(record)
            reply = client.receive()
            if reply != Frame(ACK, sequence):
                break
            delivered.append(record)
            self.assertLess(len(delivered), 20_000, "the disk does not fill")
        self.assertEqual(reply, Frame(ENDING, sequence))
        self.assertIsNone(client.receive())

        # As the stock client after ENDING: a new connection, the same record, the next sequence.
        def deliver_again():
            nonlocal client
            client.socket.close()
            client = self.client(source=address)
            client.sequence = sequence
            client.send(record)
            reply = client.receive()
            return reply is not None and reply.type == ACK

        self.assertFalse(deliver_again())
        ballast.unlink()
        auspex.wait_for(deliver_again, "the store to come back")
        delivered.append(record)
        for _ in range(100):
            record = unique_record()
            client.deliver(record)
            delivered.append(record)
        self.expect_stored(address, delivered)
        # A write fails, or the watch of the space was faster.
        said = ("nothing can be acknowledged", "space: nothing is taken in")
        self.assertTrue(any(text in line for line in self.server.log for text in said))
        client.socket.close()


if __name__ == "__main__":
    unittest.main()
