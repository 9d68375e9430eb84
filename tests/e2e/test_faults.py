"""The disk fails at every place where it can: what is written, synced, renamed, deleted or created
below the store fails once, or until it is mended, or is cut off in the middle (io_faults.cc).

Whatever fails, nothing is acknowledged that is not stored, and nothing is stored twice; auspexd does
not crash, and takes records again without a restart once the disk is well; the store is sound.

Environment: AUSPEX_E2E_FAULTS: "all" places, or how many of each test (some, so that it takes two
minutes in all).
"""

import errno
import os
import shutil
import signal
import sys
import unittest

import faults
from faults import FOREVER, Fault

import auspex

EIO, ENOSPC = errno.EIO, errno.ENOSPC


def spread(places, some):
    """All of them, or `some` that are spread evenly, the first and the last included."""
    wanted = os.environ.get("AUSPEX_E2E_FAULTS", some)
    if wanted == "all" or int(wanted) >= len(places):
        return places
    last = max(int(wanted) - 1, 1)
    return [places[index * (len(places) - 1) // last] for index in range(int(wanted))]


class FaultTest(unittest.TestCase):
    def setUp(self):
        if not faults.LIBRARY.exists():
            self.skipTest(f"there is no {faults.LIBRARY}")
        self.server = auspex.Server()
        self.addCleanup(self.server.close)
        self.disk = faults.FaultyDisk(self.server.directory / "control", self.server.store)
        self.server.environment = self.disk.environment
        self.load = self.new_load()
        self.addCleanup(lambda: self.load.hang_up())  # Of the one that it is then.

    def new_load(self):
        return faults.Load()

    def expect_ledger(self, load):
        """Each acknowledged record is stored once, and no other."""
        stored = {}
        for record in self.server.search():
            sender = record.rpartition(b'note="')[2].partition(b"x")[0]
            stored.setdefault(sender, []).append(record)
        for sender in load.senders:
            records = stored.get(f"sender {sender.number}".encode(), [])
            self.assertEqual(
                [faults.index_of(record) for record in records],
                list(range(sender.acked)),
                f"the records of sender {sender.number}",
            )
            for index, record in enumerate(records):
                self.assertEqual(record, sender.record(index))

    def expect_alive(self):
        if not self.server.running():
            self.fail(f"auspexd ended: {self.server.process.poll()}\n" + self.tail())

    def expect_all_well(self, load=None):
        """The disk is well again: without a restart all is."""
        self.disk.mend()
        load = load or self.load
        load.deliver(self.server)
        self.expect_alive()
        self.expect_ledger(load)
        self.assertEqual(self.server.store_command("check"), "all is well\n")

    def tail(self):
        return "\n".join(self.server.log[-12:])

    def seal(self):
        self.server.process.send_signal(signal.SIGUSR1)

    def start_with_fault(self, fault):
        """Starts, mended if the start fails: that is an error with a reason, no crash."""
        self.disk.break_at(fault)
        self.server.start(wait=False)
        if self.server.wait_ready_or_end():
            return True
        self.server.should_run = False
        self.assertNotEqual(fault.mode, "shorten", "a short write is no error: " + self.tail())
        self.assertEqual(self.server.process.returncode, 1, self.tail())
        errors = [line for line in self.server.log if line.startswith("error ")]
        self.assertTrue(errors, self.tail())
        self.assertIn(str(self.server.store), errors[-1])
        self.disk.mend()
        self.server.start()
        return False

    def for_each(self, places, some, meet):
        """Calls `meet` with each fault; one that it fails at spoils none of the others."""
        some_places = spread(places, some)
        for fault in some_places:
            with self.subTest(fault=str(fault)):
                try:
                    meet(fault)
                except BaseException:
                    self.start_over()
                    raise
        print(f"{self.id()}: {len(some_places)} of {len(places)}", file=sys.stderr)

    def start_over(self):
        self.disk.mend()
        self.server.kill()
        self.load.hang_up()
        shutil.rmtree(self.server.store)
        self.server.store.mkdir()
        self.load = self.new_load()
        self.server.start()


# One operation fails; or all do from there on, as on a full disk; or what is written is cut off.
WAYS = (
    {"error": EIO},
    {"error": ENOSPC, "count": FOREVER},
    {"error": EIO, "mode": "tear"},
    {"error": 0, "mode": "shorten"},
)


class StartTest(FaultTest):
    def places(self):
        """Each operation of the last start, in each way."""
        operations = self.disk.matched
        return [Fault(first=first, **way) for first in range(operations) for way in WAYS]

    def test_a_first_start_makes_a_store_or_says_why_not(self):
        self.disk.count_from_here()
        self.server.start()

        def meet(fault):
            self.server.kill()
            self.load.hang_up()
            self.load = faults.Load()
            shutil.rmtree(self.server.store)
            self.server.store.mkdir()
            self.start_with_fault(fault)
            self.expect_all_well()

        self.for_each(self.places(), 40, meet)

    def test_a_start_succeeds_or_says_why_not(self):
        self.server.start()
        self.load.deliver(self.server)
        self.server.kill()
        self.load.hang_up()
        self.disk.count_from_here()
        self.server.start()

        def meet(fault):
            self.load.deliver(self.server)
            self.seal()
            self.load.deliver(self.server)
            self.server.kill()
            self.load.hang_up()
            self.start_with_fault(fault)
            self.expect_all_well()

        self.for_each(self.places(), 40, meet)


class StopTest(FaultTest):
    def stop(self):
        self.server.should_run = False
        self.server.process.send_signal(signal.SIGTERM)
        code = self.server.process.wait(timeout=auspex.PATIENCE_S)
        self.load.hang_up()
        return code

    def test_a_stop_loses_nothing(self):
        self.server.start()
        self.load.deliver(self.server)
        self.disk.count_from_here()
        self.stop()
        operations = self.disk.matched
        self.server.start()

        def meet(fault):
            self.load.deliver(self.server)
            self.seal()
            self.load.deliver(self.server)
            self.disk.break_at(fault)
            code = self.stop()
            self.disk.mend()
            self.assertIn(code, (0, 1), self.tail())
            self.expect_ledger(self.load)
            self.server.start()
            self.expect_all_well()

        places = [Fault(first=first, **way) for first in range(2 * operations) for way in WAYS]
        self.for_each(places, 20, meet)


class RunTest(FaultTest):
    def setUp(self):
        super().setUp()
        self.server.start()

    def some_load(self, rounds_max=40):
        """Records and seals, so many that blocks are merged; until something has failed."""
        for _ in range(rounds_max):
            self.load.try_once(self.server)
            self.seal()
            self.expect_alive()
            if self.disk.failed:
                return

    def test_takes_records_again_after_a_write_has_failed(self):
        def meet(fault):
            self.disk.break_at(fault)
            self.some_load()
            self.assertGreater(self.disk.failed, 0, "nothing has failed")
            for _ in range(5):
                self.load.try_once(self.server)
            self.expect_all_well()

        places = [
            Fault(kind=kind, file="log", first=first, **way)
            for kind in ("write", "sync")
            for first in range(30)
            for way in WAYS
            if kind == "write" or way.get("mode") is None
        ]
        self.for_each(places, 20, meet)

    def test_takes_records_again_after_an_opening_has_failed(self):
        """What fails in the middle of the opening after a failed write, in the same process."""
        self.disk.break_at(Fault())
        self.some_load()
        self.load.deliver(self.server)
        operations = self.disk.matched

        def meet(fault):
            self.disk.break_at(fault)
            self.load.deliver(self.server)
            self.expect_all_well()

        ways = [{"error": EIO}, {"error": ENOSPC}, {"error": EIO, "mode": "tear"}]
        places = [Fault(again=again, **way) for again in range(1, operations) for way in ways]
        self.for_each(places, 20, meet)


class FlushTest(FaultTest):
    """Records that fill the memory of the database, so that it writes tables."""

    def new_load(self):
        return faults.Load(senders=20, record_bytes=8000)

    def fill(self, flushes):
        """So many records that memory is written as often, or until something has failed."""
        for _ in range(flushes * (18 << 20) // (20 * 8000)):
            self.load.try_once(self.server)
            self.expect_alive()
            if self.disk.failed:
                return

    def test_takes_records_again_after_a_flush_has_failed(self):
        self.server.start()
        before = self.disk.counts()
        self.fill(3)
        self.load.deliver(self.server)
        after = self.disk.counts()

        def meet(fault):
            self.start_over()
            self.disk.break_at(fault)
            self.fill(3)
            # What the store does in the background may come later than the last time.
            auspex.wait_for(lambda: self.disk.failed or self.fill(1), "the failure")
            for _ in range(3):
                self.load.try_once(self.server)
            self.expect_all_well()

        places = [
            Fault(kind=kind, file=file, **way)
            for kind, file in after
            if after[kind, file] > before.get((kind, file), 0)
            for way in WAYS
            if kind == "write" or way.get("mode") is None
        ]
        self.for_each(places, 10, meet)


if __name__ == "__main__":
    unittest.main()
