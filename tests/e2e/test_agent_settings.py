"""What an administrator does to auspex-agent: settings that change while it runs, collectors that come and go,
certificates that are wrong, a clock that moves. Nothing is lost by it, and what is wrong is said."""

import collections
import mmap
import struct
import unittest

import agent
import auspex


class SettingsTest(unittest.TestCase):
    def setUp(self):
        self.site = agent.Site()
        self.addCleanup(self.site.close)
        self.collector = self.site.collector().start()

    def expect_stored_once(self, web1, *collectors):
        """Each of its records is stored with one of these, once."""
        stored = collections.Counter()
        for collector in collectors or (self.collector,):
            stored += collector.stored()
            self.assertEqual(collector.lost(), {})
        self.assertEqual(agent.difference(stored, web1.fed), "")


class ReloadTest(SettingsTest):
    def test_delivers_to_other_collectors_after_a_reload(self):
        other = self.site.collector().start()
        web1 = self.site.agent(self.collector).start()
        for before, after in ((self.collector, other), (other, self.collector),
                              (self.collector, other)):
            web1.feed(agent.records(3000))
            before.wait_stored(web1.fed[-1])
            web1.wait_idle()  # What is on its way to one would go to the other, too.
            web1.keys["server"] = after.address
            web1.write_config()
            self.assertIn(f"info reloaded {web1.config}", web1.reload())
            web1.feed(agent.records(1))
            after.wait_stored(web1.fed[-1])
        self.expect_stored_once(web1, self.collector, other)

    def test_filters_from_a_reload_on_and_counts_what_it_drops(self):
        web1 = self.site.agent(self.collector).start()
        # 13 of the pid, as in none of the others.
        wanted = [record for record in agent.records(2000) if b" pid=13" not in record]
        filtered = [record.replace(b"type=USER_LOGIN", b"type=CRED_DISP")
                    for record in agent.records(500)]
        web1.feed([*wanted, *filtered])
        self.collector.wait_stored(filtered[-1])
        web1.write_config("filter = type=CRED_DISP")
        web1.reload()
        web1.feed(agent.records(1))
        self.collector.wait_stored(web1.fed[-1])
        # Within a second it filters; what comes before is delivered.
        count = 0

        def filters():
            nonlocal count
            count += 1
            web1.feed([agent.records(1)[0].replace(b"type=USER_LOGIN", b"type=CRED_DISP")])
            return web1.status()["filters"]

        auspex.wait_for(filters, "the filter to count")
        web1.feed(agent.records(1))
        self.collector.wait_stored(web1.fed[-1])
        told = web1.wait_status(
            lambda status: len(web1.fed) == self.collector.stored().total()
            + status["filters"][0]["records"], "all to be stored or counted")["filters"]
        self.assertEqual(told[0]["filter"], "type=CRED_DISP")
        self.assertGreater(told[0]["records"], 0)
        self.assertEqual(web1.metrics()['filtered_records_total{filter="type=CRED_DISP"}'],
                         told[0]["records"])
        self.assertIn(f"{told[0]['records']} records: type=CRED_DISP", web1.status_text())

    def test_keeps_what_it_has_when_the_file_is_wrong(self):
        web1 = self.site.agent(self.collector).start()
        web1.feed(agent.records(1000))
        lines = len(web1.config.read_text().splitlines())
        web1.write_config("colour = blue", "filter = type=NO_SUCH_TYPE")
        said = "\n".join(web1.reload())
        self.assertIn(f"error {web1.config}:{lines + 1}: there is no key \"colour\"", said)
        self.assertIn(f"error {web1.config}:{lines + 2}: filter = type=NO_SUCH_TYPE", said)
        self.assertIn("error reload failed, the old configuration stays", said)
        web1.feed(agent.records(1000))
        self.collector.wait_stored(web1.fed[-1])
        self.expect_stored_once(web1)
        told = self.collector.own_records()
        self.assertTrue(any(b"op=reconfigure state=no-change" in record for record in told), told)

    def test_says_what_has_to_wait_for_a_restart(self):
        web1 = self.site.agent(self.collector).start()
        web1.keys["spool_directory"] = web1.directory / "another"
        web1.write_config()
        self.assertTrue(any(line.startswith("warning reload: ") and "spool" in line
                            for line in web1.reload()), web1.log)
        web1.feed(agent.records(1))
        self.collector.wait_stored(web1.fed[-1])
        self.assertFalse((web1.directory / "another").exists())


class FailoverTest(SettingsTest):
    def test_goes_to_the_next_collector_and_comes_back(self):
        second = self.site.collector().start()
        web1 = self.site.agent(self.collector, second).start()
        for away, there in ((None, self.collector), (self.collector, second),
                            (second, self.collector), (self.collector, second)):
            if away:
                away.stop()
            if not there.running():
                there.start()
            web1.feed(agent.records(1000))
            there.wait_stored(web1.fed[-1])
            self.assertEqual(web1.wait_idle()["destination"], there.address)
        self.collector.start()
        self.expect_stored_once(web1, self.collector, second)


class CertificateTest(SettingsTest):
    def expect_problem(self, web1, *words):
        """What keeps it from delivering is in its status and, once, in its log."""
        problem = web1.wait_status(lambda status: status["delivery_problem"], "a problem")
        for word in words:
            self.assertIn(str(word), problem["delivery_problem"])
        auspex.wait_for(lambda: web1.status()["delivery_problem"] in web1.status_text(), "the problem")
        web1.wait_log(f"warning cannot deliver: {problem['delivery_problem']}")
        # Each try can fail otherwise; the same is not said again.
        said = [line for line in web1.log if line.startswith("warning cannot deliver")]
        self.assertFalse([line for line, next_one in zip(said, said[1:]) if line == next_one], said)

    def expect_recovery(self, web1):
        web1.feed(agent.records(100))
        self.collector.wait_stored(web1.fed[-1])
        self.assertEqual(web1.wait_idle()["delivery_problem"], "")
        self.expect_stored_once(web1)

    def test_names_a_file_that_cannot_be_read_and_goes_on_when_it_can(self):
        key = self.site.issue(agent.HOST)[1]
        hidden = key.rename(key.with_suffix(".hidden"))
        web1 = self.site.agent(self.collector).start()
        web1.feed(agent.records(100))
        self.expect_problem(web1, self.collector.address, key, "No such file")
        hidden.rename(key)
        self.expect_recovery(web1)

    def test_says_that_a_collector_is_of_another_authority(self):
        stranger = agent.Site()
        self.addCleanup(stranger.close)
        own_ca = self.site.directory / "own-ca.pem"
        own_ca.write_bytes(stranger.ca.read_bytes())
        web1 = self.site.agent(self.collector, keys={"ca_file": own_ca}).start()
        web1.feed(agent.records(100))
        self.expect_problem(web1, self.collector.address, "certificate verify failed")
        own_ca.write_bytes(self.site.ca.read_bytes())
        self.expect_recovery(web1)

    def test_says_that_a_collector_does_not_know_it(self):
        stranger = agent.Site()
        self.addCleanup(stranger.close)
        certificate, key = stranger.issue(agent.HOST)
        ours = self.site.issue(agent.HOST)
        web1 = self.site.agent(
            self.collector, keys={"certificate_file": certificate, "key_file": key}).start()
        web1.feed(agent.records(100))
        self.expect_problem(web1, self.collector.address)
        for theirs, mine in zip((certificate, key), ours):
            theirs.write_bytes(mine.read_bytes())
        self.expect_recovery(web1)

    def test_says_that_it_may_not_deliver(self):
        self.site.access.write_text("viewer * *\n")
        self.collector.restart()
        web1 = self.site.agent(self.collector).start()
        web1.feed(agent.records(100))
        self.expect_problem(web1, self.collector.address, f"role of {agent.HOST} is viewer")
        self.site.access.write_text("ingest *\n")
        self.collector.restart()
        self.expect_recovery(web1)


class LocalStoreTest(SettingsTest):
    def test_keeps_records_on_the_host_where_there_is_no_collector(self):
        web1 = self.site.agent().start()
        web1.feed(agent.records(5000))
        auspex.wait_for(lambda: web1.stored().total() == 5000, "the records")
        self.assertEqual(agent.difference(web1.stored(), web1.fed), "")
        self.assertEqual(web1.status()["destination"], str(web1.store))
        web1.kill()
        web1.start()
        self.assertEqual(web1.stop(), 0)
        self.assertEqual(agent.difference(web1.stored(), web1.fed), "")

    def test_takes_its_store_to_a_collector_only_from_then_on(self):
        web1 = self.site.agent().start()
        web1.feed(agent.records(1000))
        auspex.wait_for(lambda: web1.stored().total() == 1000, "the records")
        web1.keys["server"] = self.collector.address
        web1.write_config()
        web1.reload()
        web1.feed(agent.records(1000))
        self.collector.wait_stored(web1.fed[-1])
        self.assertEqual(agent.difference(self.collector.stored(), web1.fed[1000:]), "")
        self.assertEqual(agent.difference(web1.stored(), web1.fed[:1000]), "")

    def test_does_not_start_twice(self):
        web1 = self.site.agent(self.collector).start()
        second = self.site.agent(self.collector, keys={"spool_directory": web1.spool})
        second.start(wait=False)
        self.assertEqual(second.wait_end(), 1)
        self.assertIn(f"{web1.spool}: another process uses this spool", second.log[-1])


class ClockTest(SettingsTest):
    """The agent's clock moves, and nobody else's."""

    def setUp(self):
        super().setUp()
        library = auspex.BIN / "tests" / "clock_offset.so"
        if not library.exists():
            self.skipTest(f"there is no {library}")
        file = self.site.directory / "clock"
        file.write_bytes(bytes(8))
        with open(file, "r+b") as opened:
            self.clock = mmap.mmap(opened.fileno(), 8)
        self.environment = {"LD_PRELOAD": str(library), "AUSPEX_TEST_CLOCK": str(file)}

    def move_clock(self, seconds):
        """To so many seconds from the right time."""
        self.clock[:] = struct.pack("=q", seconds)

    def agent(self, **keys):
        return self.site.agent(self.collector, keys=keys, environment=self.environment).start()

    def test_delivers_all_once_though_its_clock_jumps(self):
        web1 = self.agent(stop_time=1)
        for hours in (3, -3, 24 * 30, -1, 0):
            self.move_clock(hours * 3600)
            web1.feed(agent.records(2000))
            web1.reload()
            self.assertEqual(web1.stop(), 0)
            web1.start()
        web1.feed(agent.records(1))
        self.collector.wait_stored(web1.fed[-1])
        web1.wait_idle()  # What a start has left behind takes turns with what is new.
        self.expect_stored_once(web1)
        self.assertEqual(agent.lost(web1.status()), {})
        # It was at those times that it told of itself.
        times = {auspex.stamp(record)[0] // 1000 for record in self.collector.own_records()}
        self.assertGreater(max(times) - min(times), 24 * 30 * 3600)

    def test_keeps_records_while_its_clock_makes_certificates_invalid(self):
        self.move_clock(-400 * 24 * 3600)
        web1 = self.agent()
        web1.feed(agent.records(1000))
        said = web1.wait_status(lambda status: status["delivery_problem"], "a problem")
        self.assertRegex(said["delivery_problem"], "(?i)certificate")
        self.move_clock(0)
        web1.feed(agent.records(1))
        self.collector.wait_stored(web1.fed[-1])
        self.expect_stored_once(web1)

    def test_counts_what_a_clock_that_jumps_makes_too_old(self):
        web1 = self.agent(spool_age=1)
        self.collector.stop()
        # The file that is written to is of now, however old its first batches are.
        web1.feed(agent.records(9000, 1000))
        web1.wait_taken(9000)
        self.move_clock(2 * 3600)
        web1.feed(agent.records(1))
        aged = web1.wait_status(lambda status: status["lost_aged_records_total"], "old records")
        self.collector.start()
        self.collector.wait_stored(web1.fed[-1])
        own = [line for line in self.collector.own_records() if b"DAEMON_START" in line]
        lost = aged["lost_aged_records_total"] - (1 - len(own))
        self.assertEqual(self.collector.stored().total(), len(web1.fed) - lost)
        self.assertEqual(self.collector.lost(), {"aged": aged["lost_aged_records_total"]})


if __name__ == "__main__":
    unittest.main()
