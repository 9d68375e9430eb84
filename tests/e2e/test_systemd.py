"""auspexd as a service of systemd: what it tells, whether it is alive, and sockets that it is
passed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import unittest

import auspex
import faults
import real_tools
import supervisor
from auspex import ACK, Frame, unique_record

PASS_SOCKETS = auspex.ROOT / "tests" / "e2e" / "pass_sockets.py"
NOBODY = 65534

# So short that tests do not take long, and so long that a server on a busy machine is not taken for
# one that hangs.
WATCHDOG_S = 4


class ServiceTest(auspex.ServerTest):
    def setUp(self):
        self.server = auspex.Server()
        self.addCleanup(self.server.close)
        self.systemd = supervisor.Supervisor(self.server.directory)
        self.addCleanup(self.systemd.close)
        self.server.environment = self.systemd.environment(WATCHDOG_S)

    def expect_told(self, *lines):
        """The next things that it says begin so, but for those that say that it is alive."""
        for line in lines:
            said = self.systemd.next_but(supervisor.ALIVE)
            self.assertTrue(said.startswith(line), f"{said}, not {line}")


class NotifyTest(ServiceTest):
    def test_tells_how_it_is_from_the_start_to_the_end(self):
        self.server.start()
        self.expect_told("READY=1", "STATUS=takes records in; 0 sessions")
        for _ in range(3):
            self.assertEqual(self.systemd.next(), supervisor.ALIVE)
        self.client().deliver(unique_record())
        self.expect_told("STATUS=takes records in; 1 sessions")
        self.server.process.send_signal(signal.SIGHUP)
        self.systemd.wait_for("RELOADING=1")  # Behind other lines about how it is.
        self.expect_told("MONOTONIC_USEC=", "STATUS=reloads", "READY=1", "STATUS=takes")
        self.assertEqual(self.server.stop(), 0)
        self.systemd.wait_for("STOPPING=1")
        self.expect_told("STATUS=stops")

    def test_a_reload_that_is_refused_ends_as_well(self):
        self.server.start()
        self.server.keys["tcp_max_per_addr"] = "many"
        self.server.write_config()
        self.server.process.send_signal(signal.SIGHUP)
        self.systemd.wait_for("RELOADING=1")
        self.expect_told("MONOTONIC_USEC=", "STATUS=reloads", "READY=1", "STATUS=takes")

    def test_does_not_say_that_it_is_ready_when_it_cannot_serve(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.server.keys["tcp_listen_port"] = taken.getsockname()[1]
            self.server.start(wait=False)
            self.assertFalse(self.server.wait_ready_or_end())
        self.server.should_run = False
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as after_it:
            after_it.sendto(b"nothing", str(self.systemd.path))
        self.assertEqual(self.systemd.next(), "nothing")


class HangTest(ServiceTest):
    def test_is_ended_when_the_committer_hangs_and_loses_nothing(self):
        if not faults.LIBRARY.exists():
            self.skipTest(f"there is no {faults.LIBRARY}")
        disk = faults.FaultyDisk(self.server.directory / "control", self.server.store)
        self.server.environment.update(disk.environment)
        self.server.start()
        client = self.client()
        first = unique_record()
        client.deliver(first)
        disk.break_at(faults.Fault(kind="sync", file="log", mode="hang"))
        second = unique_record()
        client.send(second)
        self.systemd.wait_expired(WATCHDOG_S)
        self.assertEqual(disk.failed, 1)
        self.server.should_run = False
        self.server.process.send_signal(signal.SIGABRT)
        self.assertEqual(self.server.process.wait(timeout=auspex.PATIENCE_S), -signal.SIGABRT)
        self.assertIsNone(client.receive())

        disk.mend()
        self.server.start()
        again = auspex.ManagedClient(self.server, client.address)
        self.addCleanup(again.socket.close)
        again.sequence = client.sequence - 1
        again.deliver(second)
        self.expect_stored(client.address, [first, second])

    def test_goes_on_by_itself_when_a_disk_answers_again(self):
        frozen = FrozenDisk(self)
        self.server.keys["store_dir"] = self.server.store = frozen.directory / "store"
        self.server.store.mkdir()
        self.server.start()
        self.expect_told("READY=1")
        frozen.freeze()
        client, record = self.client(), unique_record()
        sequence = client.send(record)
        self.systemd.wait_for("STATUS=waits for the disk; takes records in")
        for _ in range(9):  # Twice as long as systemd has patience.
            self.systemd.wait_for(supervisor.ALIVE)
        frozen.thaw()
        self.assertEqual(client.receive(), Frame(ACK, sequence))
        self.expect_stored(client.address, [record])
        self.systemd.wait_for("STATUS=takes records in")
        self.server.wait_log("the disk answers again")
        told = [line for line in self.server.log if "the disk" in line]
        self.assertEqual(told, ["error the disk does not answer", "info the disk answers again"])


class FrozenDisk:
    """A small disk that does not answer while it is frozen: who writes waits as for a broken one."""

    def __init__(self, test):
        if os.geteuid() != 0 or None in map(shutil.which, ("mkfs.ext4", "fsfreeze")):
            test.skipTest("a disk that can be frozen needs root, mkfs.ext4 and fsfreeze")
        image = test.server.directory / "disk"
        self.directory = test.server.directory / "mounted"
        self.directory.mkdir()
        with open(image, "wb") as file:
            file.truncate(512 << 20)
        subprocess.run(["mkfs.ext4", "-q", image], check=True)
        mounted = subprocess.run(
            ["mount", "-o", "loop", image, self.directory], capture_output=True, check=False
        )
        if mounted.returncode != 0:
            test.skipTest(f"cannot mount: {mounted.stderr.decode().strip()}")
        test.addCleanup(subprocess.run, ["umount", "--lazy", self.directory], check=True)
        test.addCleanup(self.thaw)
        self._frozen = None

    def freeze(self):
        """Until thaw(), or the end of the test, however that ends."""
        script = 'fsfreeze --freeze "$1" && echo frozen; cat; fsfreeze --unfreeze "$1"'
        self._frozen = subprocess.Popen(
            ["sh", "-c", script, "sh", self.directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        if self._frozen.stdout.readline() != b"frozen\n":
            raise AssertionError("the disk cannot be frozen")

    def thaw(self):
        if self._frozen is not None:
            self._frozen.communicate()
            self._frozen = None


class PassedSocketTest(auspex.ServerTest):
    """Sockets that the test has bound, as systemd does."""

    def setUp(self):
        self.server = auspex.Server({"tcp_listen_port": None, "listen_address": None})
        self.addCleanup(self.server.close)
        self.passed = []  # Each with its name.

    def listen(self, address="127.0.0.1", port=0, name="audisp-remote"):
        """Binds a socket that will be passed, and returns its port."""
        listening = socket.create_server((address, port))
        self.addCleanup(listening.close)
        self.passed.append((listening, name))
        return listening.getsockname()[1]

    def start(self, uid=None, wait=True):
        as_user = [] if uid is None else ["--uid", str(uid)]
        sockets = [f"{passed.fileno()}:{name}" for passed, name in self.passed]
        self.server.sockets = [passed for passed, _ in self.passed]
        self.server.prefix = [sys.executable, PASS_SOCKETS, *as_user, *sockets, "--"]
        self.server.start(wait)

    def expect_no_start(self, *words):
        self.start(wait=False)
        self.assertFalse(self.server.wait_ready_or_end())
        self.server.should_run = False
        self.assertEqual(self.server.process.returncode, 1)
        for word in words:
            self.assertIn(word, self.server.log[-1])

    def reload(self, *words):
        self.server.write_config()
        self.server.process.send_signal(signal.SIGHUP)
        self.server.wait_log(*(words or ("info reloaded",)))

    def test_serves_without_a_port_in_the_configuration(self):
        port = self.listen()
        self.start()
        self.assertEqual(self.server.port, port)

    def test_is_the_same_socket_after_a_reload_and_a_restart(self):
        self.listen()
        self.start()
        self.reload()
        self.client().deliver(unique_record())
        self.server.stop()
        # Who comes meanwhile waits in the queue of the socket.
        client, record = self.client(), unique_record()
        sequence = client.send(record)
        self.start()
        self.assertEqual(client.receive(), Frame(ACK, sequence))

    def test_listens_by_itself_where_no_socket_is(self):
        port = self.listen()
        self.server.keys.update(tcp_listen_port=port, listen_address="127.0.0.1,127.0.0.2")
        self.start()
        for address in ("127.0.0.1", "127.0.0.2"):
            self.server.wait_log("info ready", f"address={address} port={port}")

    def test_does_not_start_where_socket_and_configuration_disagree(self):
        port = self.listen()
        self.server.keys["tcp_listen_port"] = port - 1
        self.expect_no_start(f"127.0.0.1 port {port}", f"tcp_listen_port = {port - 1}")

    def test_a_reload_does_not_move_it(self):
        port = self.listen()
        self.start()
        self.server.keys["tcp_listen_port"] = port - 1
        self.reload("error reload failed", f"127.0.0.1 port {port}", f"tcp_listen_port = {port - 1}")
        self.client().deliver(unique_record())

    def test_closes_a_socket_of_another_name(self):
        self.listen()
        other = self.listen(name="something")
        self.start()
        self.server.wait_log("error", "something", "closed")
        self.assertNotIn(f"port={other}", "\n".join(self.server.log))

    def test_names_a_socket_that_does_not_listen(self):
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(datagrams.close)
        self.passed.append((datagrams, "audisp-remote"))
        self.expect_no_start("socket 3 (audisp-remote)")

    def test_serves_the_real_client_on_port_60_without_any_right(self):
        if os.geteuid() != 0:
            self.skipTest("to bind port 60 for another user needs root")
        try:
            self.listen(port=60)
        except OSError as error:
            self.skipTest(f"port 60 cannot be bound: {error}")
        for place in (self.server.directory, self.server.store):
            os.chown(place, NOBODY, NOBODY)
        self.start(uid=NOBODY)
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as status:
            rights = [line.split()[1] for line in status if line.startswith(("CapEff", "CapPrm"))]
        self.assertEqual(rights, ["0" * 16] * 2)
        client = real_tools.AudispRemote(self.server)
        self.addCleanup(client.close)
        records = auspex.real_records(500)
        client.feed(records)
        self.wait_stored("127.0.0.1", auspex.in_event_order(records))

    def test_is_started_by_systemd_socket_activate(self):
        program = shutil.which("systemd-socket-activate")
        if program is None:
            self.skipTest("no systemd-socket-activate here")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.server.port = free.getsockname()[1]
        place = f"127.0.0.1:{self.server.port}"
        self.server.prefix = [program, "-l", place, "--fdname=audisp-remote"]
        self.server.start(wait=False)
        self.server.wait_log("Listening on", place)
        self.client().deliver(unique_record())


if __name__ == "__main__":
    unittest.main()
