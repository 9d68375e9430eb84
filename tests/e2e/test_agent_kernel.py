"""auspex-agent delivers the records of the real kernel, byte for byte as the real auditd writes them: in its
place, beside it, and as its plugin. Nothing is lost unsaid, though the agent is killed."""

import collections
import unittest

import agent
import auspex
import kernel_audit

STORM = 20_000


def between(records, begin, end):
    """How often there is each record of the events from that with one mark to that with another. Ends of events and
    what daemons tell of themselves aside."""
    serials = [auspex.stamp(record)[1] for mark in (begin, end)
               for record in records if mark in record]
    if len(serials) != 2:
        raise AssertionError(f"{begin} and {end} are there {len(serials)} times")
    return collections.Counter(
        record for record in records
        if serials[0] <= auspex.stamp(record)[1] <= serials[1]
        and not agent.is_of_a_daemon(record) and not record.startswith(b"type=EOE "))


def raw(records):
    """The same without what was looked up on the host."""
    without = collections.Counter()
    for record, count in records.items():
        without[record.split(b"\x1d")[0]] += count
    return without


def serials_of(listener, *types):
    """Of the events of which its store has a record of one of the types."""
    return {auspex.stamp(record)[1] for record in listener.stored("-m", ",".join(types))}


class AgentKernelTest(unittest.TestCase):
    def setUp(self):
        self.kernel = kernel_audit.KernelAudit(self)
        self.site = agent.Site()
        self.addCleanup(self.site.close)

    def expect_same(self, ours, real):
        self.assertEqual(agent.difference(ours, real), "")

    def expect_same_or_told(self, listener, ours, real):
        """Nobody waits for a listener. On a machine that is too busy it says that it has missed some."""
        if agent.lost(listener.status()):
            self.assertGreater(listener.status()["lost_overruns_total"], 0)
            self.assertEqual((ours - real).total(), 0)
            print("\nthe listener was too slow ... ", end="")
        else:
            self.expect_same(ours, real)

    def expect_many_things(self, records):
        """The kernel has said all that these tests are about."""
        for text in (b'name="/nonexistent/uid=0"', b"SADDR={ saddr_fam=inet ", b"saddr_fam=inet6 ",
                     b"saddr_fam=local ", b"success=no exit=-2 ", b"success=no exit=-13 ",
                     b"type=EXECVE", b" a6_len=40000 a6[0]=7878", b"):  a6[5]=7878", b"a4=FFFE", b"FFFE206E616D65",
                     b"type=PROCTITLE", b"type=CONFIG_CHANGE"):
            self.assertTrue(any(text in record for record in records), text)
        self.assertTrue(sorted(kernel_audit.executed(records)) == list(range(1, STORM + 1)))

    def do_all(self, *searches):
        """All that is to be recorded, between two marks, which it returns. Each of the searches finds
        the second one."""
        begin = self.kernel.mark()
        self.kernel.watch()
        kernel_audit.do_many_things()
        self.kernel.auditctl("-m", "a message = with 'quotes' and \"more\"")
        kernel_audit.Storm(STORM).wait()
        self.kernel.unwatch()
        marks = []

        def end():
            # A listener that is behind is told nothing, so it may miss some.
            marks.append(self.kernel.mark())
            found = [list(search("-m", "USER")) for search in searches]
            return next((mark for mark in marks
                         if all(any(mark in record for record in records) for records in found)), None)

        return begin, auspex.wait_for(end, "a mark that all have stored")


class InPlaceOfAuditdTest(AgentKernelTest):
    def test_delivers_what_a_listener_hears(self):
        collector = self.site.collector().start()
        owner = self.site.agent(collector, keys={"source": "netlink", "log_format": "enriched"})
        listener = self.site.agent(keys={"source": "multicast"})
        owner.start()
        listener.start()
        status = self.kernel.status()
        self.assertEqual((status["enabled"], status["pid"]), (1, owner.process.pid))
        begin, end = self.do_all(
            lambda *options: collector.search("--host", agent.HOST, *options), listener.stored)

        told = between(list(collector.stored().elements()), begin, end)
        self.expect_many_things(told)
        self.assertEqual(agent.lost(owner.status()), {})
        self.assertEqual(self.kernel.status()["lost"], status["lost"])
        self.expect_same_or_told(
            listener, between(list(listener.stored().elements()), begin, end), raw(told))
        self.assertEqual((owner.stop(), listener.stop()), (0, 0))
        self.assertEqual(self.kernel.status()["pid"], 0)
        print(f"\n{told.total()} records from the kernel ... ", end="")

    def test_says_that_another_has_what_it_needs(self):
        first = self.site.agent(keys={"source": "netlink"}).start()
        second = self.site.agent(keys={"source": "netlink"}).start(wait=False)
        self.assertEqual(second.wait_end(), 1)
        self.assertIn("another process owns the audit socket", second.log[-1])
        second.keys["spool_directory"] = first.spool
        second.start(wait=False)
        self.assertEqual(second.wait_end(), 1)
        self.assertIn(f"{first.spool}: another process uses this spool", second.log[-1])
        self.assertEqual(self.kernel.status()["pid"], first.process.pid)

    def test_counts_what_was_lost_with_it(self):
        web1 = self.site.agent(keys={"source": "netlink"}).start()
        lost_before = self.kernel.status()["lost"]
        self.kernel.watch()
        storm = kernel_audit.Storm(STORM // 2)
        while storm.running():
            auspex.wait_for(lambda: web1.status()["records_total"] > 5000 or not storm.running(),
                            "a part of the storm")
            web1.kill()
            web1.start()
        storm.wait()
        mark = self.kernel.mark()
        auspex.wait_for(lambda: any(mark in record for record in web1.stored("-m", "USER")), "the mark")
        serials = {auspex.stamp(record)[1] for record in web1.stored()}
        lacking = max(serials) - min(serials) + 1 - len(serials)

        # What is late is waited for, by five seconds of the records' time.
        def counted():
            self.kernel.mark()
            return web1.status()["lost_missing_events_total"] >= lacking

        auspex.wait_for(counted, f"{lacking} events to be counted")
        self.assertEqual(agent.lost(web1.status()), {"missing": lacking})
        self.assertEqual(web1.stop(), 0)
        stored = collections.Counter(kernel_audit.executed(web1.stored()))
        self.assertEqual(max(stored.values()), 1)
        self.assertGreater(lacking, 0)
        # While nobody owns its socket the kernel keeps some records; what it drops then it counts. An
        # event that a kill has cut in two is there, but not what it has executed.
        dropped = self.kernel.status()["lost"] - lost_before
        cut = (serials_of(web1, "SYSCALL", "CWD", "PATH", "PROCTITLE") - serials_of(web1, "EXECVE"))
        self.assertLessEqual(STORM // 2 - len(stored), lacking + dropped + len(cut))
        print(f"\n{STORM // 2} executed, {len(stored)} stored, {lacking} events missing, {dropped} records "
              "dropped by the kernel ... ", end="")


class BesideAuditdTest(AgentKernelTest):
    def test_delivers_what_the_real_auditd_writes(self):
        collector = self.site.collector().start()
        by_lines = self.site.agent(collector, host="lines")
        by_frames = self.site.agent(keys={"server": None})
        for plugin in (by_lines, by_frames):
            plugin.write_config()
        auditd = kernel_audit.Auditd(
            self, self.kernel, [("string", by_lines.config), ("binary", by_frames.config)])
        listener = self.site.agent(
            collector, host="listener", keys={"source": "multicast", "log_format": "enriched"})
        listener.start()
        for plugin in (by_lines, by_frames):
            auspex.wait_for(plugin.socket.exists, "the plugin")
        begin, end = self.do_all(
            lambda *options: collector.search("--host", "lines", *options),
            lambda *options: collector.search("--host", "listener", *options), by_frames.stored)
        for plugin in (by_lines, by_frames):
            self.assertEqual(agent.lost(plugin.status()), {})
        auditd.stop()

        real = between(auditd.records(), begin, end)
        self.expect_many_things(real)
        self.expect_same(between(list(collector.stored("lines").elements()), begin, end), real)
        self.expect_same(between(list(by_frames.stored().elements()), begin, end), real)
        self.expect_same_or_told(
            listener, between(list(collector.stored("listener").elements()), begin, end), real)
        print(f"\n{real.total()} records of auditd ... ", end="")


if __name__ == "__main__":
    unittest.main()
