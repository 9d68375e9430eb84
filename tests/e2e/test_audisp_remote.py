"""The real audisp-remote 3.0.9 of Debian 12 against the real server, through its ends and
crashes: nothing lost, nothing twice, order kept."""

import unittest

import auspex
import real_tools

HOST = "127.0.0.1"
COUNT = 5000


class AudispRemoteTest(auspex.ServerTest):
    @classmethod
    def setUpClass(cls):
        cls.records = auspex.real_records(COUNT)

    def start_client(self, **keys):
        client = real_tools.AudispRemote(self.server, keys)
        self.addCleanup(client.close)
        return client

    def stored_count(self):
        return len(self.server.search("--host", HOST))

    def wait_stored_count(self, client, count):
        """Waits until so many records are stored. The client must live to send them."""

        def enough():
            self.assertTrue(client.running(), "audisp-remote has ended")
            return self.stored_count() >= count

        auspex.wait_for(enough, f"{count} stored records")

    def feed_until_stored(self, client, start, end, count):
        """Feeds records[start:end], the last fifty one by one: a client that heard ENDING looks
        for the server again only when another record comes."""
        client.feed(self.records[start : end - 50])
        for record in self.records[end - 50 : end]:
            client.feed([record])
        self.wait_stored_count(client, count)

    def expect_all_stored(self):
        """Nothing lost, nothing twice, order kept: of the records within each event, and of the
        events by their stamps, as ausearch prints them."""
        stored = self.server.search("--host", HOST)
        self.assertEqual(len(stored), COUNT)
        self.expect_equal(stored, auspex.in_event_order(self.records))

    def expect_equal(self, stored, sent):
        for index, (found, expected) in enumerate(zip(stored, sent, strict=True)):
            self.assertEqual(found, expected, f"record {index}")

    def test_managed_records_arrive(self):
        client = self.start_client()
        client.feed(self.records)
        self.wait_stored_count(client, COUNT)
        self.expect_all_stored()

    def test_ascii_records_arrive(self):
        client = self.start_client(format="ascii")
        client.feed(self.records)
        self.wait_stored_count(client, COUNT)
        self.expect_all_stored()

    def test_managed_records_survive_a_restart(self):
        client = self.start_client()
        self.feed_until_stored(client, 0, 3000, count=1000)
        self.assertEqual(self.server.stop(), 0)
        self.assertLess(self.stored_count(), COUNT)
        self.server.start()
        self.feed_until_stored(client, 3000, COUNT, count=COUNT)
        self.expect_all_stored()

    def test_managed_records_survive_a_restart_that_takes_a_while(self):
        client = self.start_client()
        self.feed_until_stored(client, 0, 2000, count=500)
        self.server.stop()
        # These come while nobody listens; the client keeps them in its queue.
        client.feed(self.records[2000:4000])
        self.server.start()
        self.feed_until_stored(client, 4000, COUNT, count=COUNT)
        self.expect_all_stored()

    def test_managed_records_survive_two_crashes(self):
        client = self.start_client()
        self.feed_until_stored(client, 0, 3000, count=500)
        self.server.crash()
        self.feed_until_stored(client, 3000, 4000, count=3500)
        self.server.crash()
        self.feed_until_stored(client, 4000, COUNT, count=COUNT)
        self.expect_all_stored()


if __name__ == "__main__":
    unittest.main()
