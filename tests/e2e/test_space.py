"""What is done about space, on a small disk of its own: each stage is reached under load, each action
is taken once, and all goes on by itself when there is space again. Nothing acknowledged is lost."""

import errno
import itertools
import os
import re
import signal
import subprocess
import threading
import unittest

import auspex
import real_tools
from auspex import ACK, ENDING, Frame, unique_record

DISKLOW = 0x50000001
DISKFULL = 0x60000001

OLD = 1_600_000_000  # 2020-09-13.

# Of a host and day. All days together make a file that the reserve has room to rewrite.
OLD_RECORDS = 150

DISK_BYTES = 320 << 20
MB = 1 << 20

# The limits of the stages that the tests drive the disk through. Full is at a 64th of the disk, and
# the reserve takes a 32nd.
SPACE_LEFT_MB = 60
ADMIN_SPACE_LEFT_MB = 30


def mount_tmpfs(test, path):
    auspex.mount_tmpfs(test, path, DISK_BYTES)


def mount_ext4(test, path):
    if os.geteuid() != 0:
        test.skipTest("mounting a small disk needs root")
    image = path.parent / "disk.img"
    with open(image, "wb") as file:
        file.truncate(DISK_BYTES)
    made = subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], capture_output=True)
    if made.returncode != 0:
        test.skipTest(f"cannot make ext4: {made.stderr.decode().strip()}")
    mounted = subprocess.run(["mount", "-o", "loop", image, path], capture_output=True)
    if mounted.returncode != 0:
        test.skipTest(f"cannot mount a loop device: {mounted.stderr.decode().strip()}")
    test.addCleanup(subprocess.run, ["umount", "--lazy", path], check=True)


class Sender:
    """A client that delivers records one by one, comes again after ENDING with the record that was
    not taken, and keeps a ledger of what was acknowledged, and how."""

    def __init__(self, test, pause_s=0.01):
        self.test = test
        self.pause_s = pause_s
        self.address = auspex.unique_address()
        self.acknowledged = []
        self.replies = set()
        self.refusals = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()

    def _run(self):
        client = None
        sequence = 0
        while not self._stop.wait(self.pause_s):
            record = unique_record(size=600)
            while True:
                try:
                    if client is None:
                        client = auspex.ManagedClient(self.test.server, self.address)
                        client.sequence = sequence
                    sequence = client.send(record)
                    reply = client.receive()
                except OSError:
                    reply = None
                if reply is not None and reply.type in (ACK, DISKLOW):
                    self.replies.add(reply.type)
                    self.acknowledged.append(record)
                    break
                if reply is not None:
                    self.replies.add(reply.type)
                self.refusals += 1
                if client is not None:
                    sequence -= reply is None
                if client is not None:
                    client.socket.close()
                client = None
                if self._stop.wait(0.05):
                    return
        if client is not None:
            client.socket.close()


class SpaceTest(auspex.ServerTest):
    mount = staticmethod(mount_tmpfs)
    keys = {
        "space_left": SPACE_LEFT_MB,
        "admin_space_left": ADMIN_SPACE_LEFT_MB,
        "space_left_action": "IGNORE",
        "admin_space_left_action": "IGNORE",
        "disk_full_action": "IGNORE",
    }

    def setUp(self):
        self.server = auspex.Server(self.keys)
        self.addCleanup(self.server.close)
        self.mount(self, self.server.store)
        self.ballast = self.server.store / "ballast"

    def start(self, **keys):
        self.server.keys.update(keys)
        self.server.start()
        self.wait_metric("space_reserve_bytes", self.total() // 32 - 4096)

    def script(self, name="script", body=""):
        """A script that tells each time when it is run, and why."""
        path = self.server.directory / name
        runs = self.server.directory / (name + ".runs")
        path.write_text(f"#!/bin/sh\necho $AUSPEX_CAUSE >> {runs}\n{body}\n")
        path.chmod(0o750)
        return path

    def runs(self, name="script"):
        path = self.server.directory / (name + ".runs")
        return path.read_text().split() if path.exists() else []

    def available(self):
        found = os.statvfs(self.server.store)
        return found.f_bavail * found.f_frsize

    def total(self):
        found = os.statvfs(self.server.store)
        return found.f_blocks * found.f_frsize

    def leave(self, free_bytes):
        """Lets another file take all space but so much."""
        size = self.ballast.stat().st_size if self.ballast.exists() else 0
        size += self.available() - int(free_bytes)
        with open(self.ballast, "ab") as file:
            if size < file.tell():
                file.truncate(max(size, 0))
            else:
                os.posix_fallocate(file.fileno(), 0, size)

    def leave_nothing(self):
        """Takes all space to the last byte, while the server writes."""
        with open(self.ballast, "ab", buffering=0) as file:
            try:
                for _ in range(DISK_BYTES >> 16):
                    file.write(bytes(1 << 16))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def metrics(self):
        lines = len(self.server.log)
        self.server.process.send_signal(signal.SIGCONT)
        state = auspex.wait_for(
            lambda: [line for line in self.server.log[lines:] if line.startswith("info state")],
            "the state",
        )[0]
        return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", state)}

    def wait_metric(self, name, least):
        return auspex.wait_for(lambda: self.metrics()[name] >= least, f"{name} >= {least}")

    def wait_stage(self, stage):
        """0 ok, 1 space_left, 2 admin_space_left, 3 full, 4 error."""
        auspex.wait_for(lambda: self.metrics()["space_stage"] == stage, f"stage {stage}")

    def sender(self, pause_s=0.01):
        sender = Sender(self, pause_s)
        self.addCleanup(sender.stop)
        auspex.wait_for(lambda: len(sender.acknowledged) > 10, "acknowledged records")
        return sender

    def expect_progress(self, sender):
        before = len(sender.acknowledged)
        auspex.wait_for(lambda: len(sender.acknowledged) > before + 10, "records that go on")

    def expect_ledger(self, *senders):
        for sender in senders:
            sender.stop()
            self.expect_stored(sender.address, sender.acknowledged)
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(self.server.store_command("check"), "all is well\n")

    def test_goes_through_all_stages_and_back_under_load(self):
        for key in ("space_left", "admin_space_left", "disk_full"):
            self.server.keys[key + "_action"] = f"exec {self.script()}"
        self.start()
        senders = [self.sender() for _ in range(4)]
        self.assertEqual(self.metrics()["space_stage"], 0)
        self.leave((SPACE_LEFT_MB - 5) * MB)
        self.wait_stage(1)
        for sender in senders:
            auspex.wait_for(lambda: DISKLOW in sender.replies, "DISKLOW")
        self.leave((ADMIN_SPACE_LEFT_MB - 5) * MB)
        self.wait_stage(2)
        self.expect_progress(senders[0])
        self.leave(self.total() // 64 - (128 << 10))
        self.wait_stage(3)
        # The reserve was given back, and does not count as free.
        auspex.wait_for(lambda: not (self.server.store / "reserve").exists(), "the reserve's end")
        for sender in senders:
            before = sender.refusals
            auspex.wait_for(lambda: sender.refusals > before + 2, "refusals")
            self.assertIn(ENDING, sender.replies)
        # It stopped to take in before a write could fail.
        self.assertEqual(self.metrics()["commit_errors_total"], 0)
        auspex.wait_for(lambda: len(self.runs()) >= 3, "three runs")
        self.assertEqual(self.runs(), ["space_left", "admin_space_left", "disk_full"])

        self.ballast.unlink()
        self.wait_stage(0)
        for sender in senders:
            self.expect_progress(sender)
        self.wait_metric("space_reserve_bytes", self.total() // 32 - 4096)
        metrics = self.metrics()
        self.assertEqual(metrics["space_actions_started_total"], 3)
        self.assertEqual(metrics["space_resumed_total"], 1)
        self.wait_own_record("DAEMON_ERR", b"op=disk-space", b"stage=full")
        self.wait_own_record("DAEMON_RESUME", b"op=disk-space", b"stage=ok")
        self.assertEqual(len(self.runs()), 3)
        self.expect_ledger(*senders)

    def test_loses_nothing_when_the_disk_is_full_to_the_last_byte_at_once(self):
        self.start()
        senders = [self.sender(pause_s=0) for _ in range(4)]
        for _ in range(2):
            self.leave_nothing()
            self.wait_stage(3)
            for sender in senders:
                before = sender.refusals
                auspex.wait_for(lambda: sender.refusals > before + 2, "refusals")
            self.ballast.unlink()
            self.wait_stage(0)
            for sender in senders:
                self.expect_progress(sender)
        self.expect_ledger(*senders)

    def test_takes_an_action_again_only_after_the_limit_was_left(self):
        self.start(space_left_action=f"exec {self.script()}")
        for crossing in (1, 2, 3):
            for wobble in (-2, 2, -1, 3):
                left = (SPACE_LEFT_MB + wobble) * MB
                self.leave(left)
                auspex.wait_for(
                    lambda: abs(self.metrics()["space_free_bytes"] - left) < MB // 2, "a measure"
                )
            self.wait_stage(1)
            auspex.wait_for(lambda: len(self.runs()) >= crossing, "a run")
            self.assertEqual(len(self.runs()), crossing)
            self.leave((SPACE_LEFT_MB + 10) * MB)
            self.wait_stage(0)
        self.server.stop()

    def test_serves_the_real_client_through_a_full_disk(self):
        self.start()
        records = auspex.real_records(3000)
        client = real_tools.AudispRemote(self.server)
        self.addCleanup(client.close)
        client.feed(records[:1000])
        auspex.wait_for(lambda: len(self.server.search("--host", "127.0.0.1")) >= 500, "records")
        self.leave(256 << 10)
        self.wait_stage(3)
        client.feed(records[1000:2000])
        refused = self.metrics()["deliveries_refused_space_total"]
        self.wait_metric("deliveries_refused_space_total", refused + 1)
        self.assertTrue(client.running())
        self.ballast.unlink()
        self.wait_stage(0)
        # A client that heard ENDING looks for the server again when another record comes.
        client.feed(records[2000:2950])
        for record in records[2950:]:
            client.feed([record])

        def all_there():
            self.assertTrue(client.running())
            return len(self.server.search("--host", "127.0.0.1")) >= len(records)

        auspex.wait_for(all_there, "all records")
        self.assertEqual(
            self.server.search("--host", "127.0.0.1"), auspex.in_event_order(records)
        )
        self.server.stop()

    def test_says_diskfull_where_it_is_asked_to(self):
        self.start(disk_full_signal="diskfull")
        client = self.client()
        client.deliver(unique_record())
        self.leave(256 << 10)
        self.wait_stage(3)
        sequence = client.send(unique_record())
        self.assertEqual(client.receive(), Frame(DISKFULL, sequence))
        self.assertIsNone(client.receive())
        self.ballast.unlink()
        self.wait_stage(0)

    def test_suspends_until_there_is_space_or_an_admin_resumes(self):
        self.start(space_left_action="SUSPEND")
        sender = self.sender()
        for resume in (self.ballast.unlink, self.resume):
            self.leave((SPACE_LEFT_MB - 5) * MB)
            self.wait_metric("space_suspended", 1)
            before = sender.refusals
            auspex.wait_for(lambda: sender.refusals > before + 2, "refusals")
            resume()
            self.expect_progress(sender)
            self.assertEqual(self.metrics()["space_suspended"], 0)
        # The limit is still crossed, and is not crossed once more.
        self.assertEqual(self.metrics()["space_stage"], 1)
        self.ballast.unlink()
        self.wait_stage(0)
        self.expect_ledger(sender)

    def resume(self):
        self.server.process.send_signal(signal.SIGUSR2)

    def test_uses_new_limits_and_actions_after_a_reload(self):
        self.start()
        self.leave((SPACE_LEFT_MB + 20) * MB)
        self.assertEqual(self.metrics()["space_stage"], 0)
        self.server.keys.update(space_left=SPACE_LEFT_MB + 40)
        self.reload()
        self.wait_stage(1)
        self.assertEqual(self.runs(), [])
        self.server.keys.update(space_left_action=f"exec {self.script()}")
        self.reload()
        auspex.wait_for(lambda: self.runs() == ["space_left"], "the script")
        self.ballast.unlink()
        self.wait_stage(0)

    def reload(self):
        self.server.write_config()
        self.server.process.send_signal(signal.SIGHUP)

    def import_old_days(self, hosts, days):
        """Records of three years ago, received in their time, that cannot be compressed."""
        log = self.server.directory / "old.log"
        with open(log, "w") as file:
            for host, day, serial in itertools.product(hosts, range(days), range(OLD_RECORDS)):
                stamp = f"audit({OLD + day * 86400}.000:{serial})"
                noise = os.urandom(4000).hex()
                file.write(f"node={host} type=USER_LOGIN msg={stamp}: pid=1 data={noise}\n")
        auspex.import_at(self, OLD + days * 86400, self.server.store, log)

    def test_drops_the_oldest_days_that_are_not_held_when_the_disk_is_full(self):
        self.import_old_days(("held", "free"), days=8)
        socket = self.server.directory / "socket"
        self.start(disk_full_action="ROTATE", api_socket=socket)
        hold = ["hold", "add", "--server", f"unix:{socket}", "--reason", "test", "--host", "held"]
        subprocess.run([auspex.BIN / "auspex", *hold], check=True, capture_output=True)
        sender = self.sender()
        self.leave(self.total() // 64 - (256 << 10))
        # It makes room by itself, and goes on.
        self.wait_metric("space_resumed_total", 1)
        self.expect_progress(sender)
        self.assertGreater(self.metrics()["space_dropped_bytes_total"], 0)
        self.wait_own_record("DAEMON_ROTATE", b"op=rotate-logs", b"cause=disk_full")
        self.assertEqual(len(self.server.search("--host", "held")), 8 * OLD_RECORDS)
        left = {auspex.stamp(record)[0] for record in self.server.search("--host", "free")}
        self.assertLess(len(left), 8)
        self.assertEqual(left, {(OLD + day * 86400) * 1000 for day in range(8 - len(left), 8)})
        self.ballast.unlink()
        self.wait_stage(0)
        self.expect_ledger(sender)

    def test_kills_no_session_for_a_script_that_fails_or_is_changed(self):
        script = self.script(body="exit 3")
        self.start(space_left_action=f"exec {script}", admin_space_left_action=f"exec {script}")
        sender = self.sender()
        self.leave((SPACE_LEFT_MB - 5) * MB)
        self.wait_own_record("DAEMON_ERR", b"op=space-action", b"cause=space_left", b"res=failed")
        script.chmod(0o777)
        self.leave((ADMIN_SPACE_LEFT_MB - 5) * MB)
        self.wait_metric("space_actions_failed_total", 2)
        self.assertEqual(self.runs(), ["space_left"])
        self.expect_progress(sender)
        self.ballast.unlink()
        self.wait_stage(0)
        self.expect_ledger(sender)

    def test_begins_on_a_disk_that_is_full_to_the_last_byte(self):
        """Opening a store takes space, which the reserve gives."""
        self.start()
        self.server.stop()
        self.leave_nothing()
        self.server.start()
        self.assertEqual(self.metrics()["space_stage"], 3)
        client = self.client()
        sequence = client.send(unique_record())
        self.assertEqual(client.receive(), Frame(ENDING, sequence))
        self.ballast.unlink()
        self.wait_stage(0)


class SpaceOnExt4Test(SpaceTest):
    mount = staticmethod(mount_ext4)


if __name__ == "__main__":
    unittest.main()
