"""auspex-agent loses nothing unsaid: whatever ends, hangs or fills up between the host and its collector, each
record is stored once, or is in the counters of what was lost."""

import collections
import random
import threading
import unittest

import agent
import auspex


class AgentTest(unittest.TestCase):
    def setUp(self):
        self.site = agent.Site()
        self.addCleanup(self.site.close)
        self.collector = self.site.collector().start()

    def expect_stored_once(self, records):
        """Exactly these are stored, each once, and nobody has told of a loss."""
        self.assertEqual(agent.difference(self.collector.stored(), records), "")
        self.assertEqual(self.collector.lost(), {})

    def expect_stored_or_lost(self, web1):
        """Once it has ended: nothing is stored twice, and what is not stored is in the counters. Its own records
        are lost as others are, but it has numbered them."""
        stored = self.collector.stored()
        self.assertEqual((stored - collections.Counter(web1.fed)).total(), 0)
        own = self.collector.own_records()
        self.assertIn(b"type=DAEMON_END", [record.split()[0] for record in own])
        own_lost = max(auspex.stamp(record)[1] for record in own) - len(own)
        lost = self.collector.lost()
        lost.pop("missing", None)
        self.assertEqual(sum(lost.values()), len(web1.fed) - stored.total() + own_lost)


class CollectorGoesTest(AgentTest):
    def test_delivers_each_record_once_over_crashes_of_the_collector(self):
        web1 = self.site.agent(self.collector).start()
        for end in (self.collector.kill, self.collector.stop, self.collector.kill):
            # It ends somewhere in the middle of these.
            feeder = threading.Thread(target=lambda: [web1.feed(agent.records(500, 300))
                                                      for _ in range(20)])
            feeder.start()
            begin = web1.fed[-1] if web1.fed else None
            auspex.wait_for(lambda: begin is None or self.collector.has(begin), "what was before")
            end()
            feeder.join()
            self.collector.start()
        self.collector.wait_stored(web1.fed[-1])
        self.expect_stored_once(web1.fed)
        self.assertEqual(agent.lost(web1.status()), {})
        self.assertEqual(web1.stop(), 0)

    def test_keeps_what_the_collector_missed_over_its_own_end(self):
        web1 = self.site.agent(self.collector, keys={"stop_time": 1}).start()
        self.collector.stop()
        web1.feed(agent.records(3000))
        web1.wait_taken(3000)
        self.assertEqual(web1.stop(), 0)
        self.assertIn("pending=something", web1.log[-1])
        web1.start()
        web1.feed(agent.records(3000))
        self.collector.start()
        self.collector.wait_stored(web1.fed[-1])
        self.collector.wait_stored(web1.fed[0])
        web1.wait_idle()
        self.expect_stored_once(web1.fed)

    def test_delivers_all_that_it_has_before_it_ends(self):
        web1 = self.site.agent(self.collector, keys={"stop_time": auspex.PATIENCE_S}).start()
        web1.feed(agent.records(20_000))
        self.assertEqual(web1.stop(), 0)
        self.assertIn("pending=nothing", web1.log[-1])
        self.expect_stored_once(web1.fed)
        told = [record.split()[0] for record in self.collector.own_records()]
        self.assertEqual(told[:2], [b"type=DAEMON_START", b"type=DAEMON_END"])

    def test_ends_when_auditd_does(self):
        web1 = self.site.agent(self.collector, keys={"stop_time": auspex.PATIENCE_S}).start()
        web1.feed(agent.records(100))
        web1.process.stdin.close()
        self.assertEqual(web1.wait_end(), 0)
        self.expect_stored_once(web1.fed)


class AgentDiesTest(AgentTest):
    def test_counts_what_it_took_to_its_grave(self):
        web1 = self.site.agent(self.collector).start()
        # Before it has stored anything it cannot know what is missing.
        web1.feed(agent.records(1))
        self.collector.wait_stored(web1.fed[-1])
        pick = random.Random(7)
        for _ in range(5):
            # No record is read twice: what was on its way when it died is lost.
            for _ in range(pick.randrange(5, 30)):
                web1.feed(agent.records(100))
            web1.kill()
            web1.start()
        # A serial can come late, by five seconds of the records' time: a thousand are a second.
        web1.feed(agent.records(7000))
        self.collector.wait_stored(web1.fed[-1])
        status = web1.wait_idle()
        stored = self.collector.stored()
        self.assertEqual((stored - collections.Counter(web1.fed)).total(), 0)
        missing = len(web1.fed) - stored.total()
        self.assertGreater(missing, 0)
        self.assertEqual(agent.lost(status), {"missing": missing})
        self.assertEqual(web1.stop(), 0)
        self.assertEqual(self.collector.lost(), {"missing": missing})

    def test_sends_what_is_in_its_spool_once_though_it_dies_over_and_over(self):
        web1 = self.site.agent(self.collector).start()
        self.collector.stop()
        web1.feed(agent.records(60_000, 300))
        web1.wait_taken(60_000)
        # The last batch is written a moment later.
        web1.wait_status(lambda status: status["spool_records_total"] > 60_000, "the last batch")
        self.collector.start()
        for share in (1, 2, 3):
            auspex.wait_for(lambda: self.collector.host().get("records", 0) >= 10_000 * share,
                            "a share of it")
            web1.kill()
            web1.start()
        web1.feed(agent.records(1))
        self.collector.wait_stored(web1.fed[-1])
        web1.wait_idle()
        self.expect_stored_once(web1.fed)


class LimitsTest(AgentTest):
    def fill_spool(self, policy):
        """An agent that was given more than its spool may have, while the collector is away."""
        web1 = self.site.agent(self.collector, keys={"spool_size": 16, "spool_full": policy})
        web1.start()
        self.collector.stop()
        for _ in range(30):
            web1.feed(agent.records(1000, 1000))
            web1.wait_taken(len(web1.fed))
        full = web1.wait_status(lambda status: status["lost_spool_records_total"] > 10_000,
                                "a spool that is full")
        self.assertLessEqual(full["spool_bytes"], 16 << 20)
        self.collector.start()
        web1.wait_idle()
        web1.feed(agent.records(1))
        self.assertEqual(web1.stop(), 0)
        self.expect_stored_or_lost(web1)
        return web1.fed, self.collector.stored()

    def test_drops_the_oldest_of_a_full_spool_and_counts_them(self):
        fed, stored = self.fill_spool("drop_oldest")
        self.assertEqual(agent.difference(stored, fed[-stored.total():]), "")

    def test_drops_the_newest_of_a_full_spool_and_counts_them(self):
        fed, stored = self.fill_spool("drop_newest")
        # A small batch finds room where a large one does not.
        kept = next(index for index, record in enumerate(fed) if record not in stored)
        self.assertGreater(kept, 10_000)
        self.assertLess(stored.total() - kept, 1000)

    def test_counts_what_a_full_disk_did_not_take(self):
        web1 = self.site.agent(self.collector, keys={"queue_size": 1})
        web1.spool.mkdir()
        auspex.mount_tmpfs(self, web1.spool, 12 << 20)
        web1.start()
        self.collector.stop()
        for _ in range(20):
            web1.feed(agent.records(1000, 1000))
        full = web1.wait_status(lambda status: status["spool_problem"], "a disk that is full")
        self.assertIn("No space left on device", full["spool_problem"])
        self.assertIn("No space left on device", web1.status_text())
        web1.wait_log("error spool: ")
        self.collector.start()
        web1.wait_status(lambda status: status["spool_problem"] == "", "room on the disk")
        web1.feed(agent.records(1000))
        self.collector.wait_stored(web1.fed[-1])
        web1.wait_idle()
        self.assertEqual(web1.stop(), 0)
        self.assertGreater(sum(self.collector.lost().values()), 0)
        self.expect_stored_or_lost(web1)

    def test_lets_auditd_wait_where_that_is_wanted(self):
        web1 = self.site.agent(self.collector, keys={"queue_size": 1, "queue_full": "block"})
        web1.spool.mkdir()
        auspex.mount_tmpfs(self, web1.spool, 12 << 20)
        web1.start()
        self.collector.stop()
        feeder = threading.Thread(target=web1.feed, args=[agent.records(30_000, 1000)])
        feeder.start()
        web1.wait_status(lambda status: status["queue_waits_total"] > 0, "auditd to have to wait")
        self.collector.start()
        feeder.join()
        self.collector.wait_stored(web1.fed[-1])
        web1.wait_idle()
        self.assertEqual(web1.stop(), 0)
        self.expect_stored_once(web1.fed)


if __name__ == "__main__":
    unittest.main()
