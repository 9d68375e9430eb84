"""auspex-agent as a service of systemd: it says when it is ready, that it is alive and that it ends; and it needs
no rights but the two that its unit leaves it."""

import os
import queue
import shutil
import signal
import socket
import subprocess
import threading
import unittest

import agent
import auspex
import kernel_audit

SETPRIV = ["setpriv", "--bounding-set", "-all,+audit_control,+audit_read", "--inh-caps", "-all",
           "--no-new-privs"]


class Supervisor:
    """What systemd is to a service: a socket that hears what it says about itself."""

    def __init__(self, directory):
        self.path = directory / "notify.sock"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(os.fspath(self.path))
        self._heard = queue.SimpleQueue()
        threading.Thread(target=self._hear, daemon=True).start()

    def next(self):
        return self._heard.get(timeout=auspex.PATIENCE_S)

    def next_but(self, *ignored):
        """The next thing that it says and that is none of these."""
        while True:
            said = self.next()
            if said not in ignored:
                return said

    def close(self):
        self._socket.close()

    def _hear(self):
        try:
            while True:
                for line in self._socket.recv(4096).decode().splitlines():
                    self._heard.put(line)
        except OSError:
            pass  # Closed.


class ServiceTest(unittest.TestCase):
    def setUp(self):
        self.site = agent.Site()
        self.addCleanup(self.site.close)

    def test_tells_its_supervisor_how_it_is(self):
        supervisor = Supervisor(self.site.directory)
        self.addCleanup(supervisor.close)
        web1 = self.site.agent(environment={"NOTIFY_SOCKET": str(supervisor.path),
                                            "WATCHDOG_USEC": "100000"}).start()
        alive = "WATCHDOG=1"
        self.assertEqual(supervisor.next_but(alive), "READY=1")
        for _ in range(3):
            self.assertEqual(supervisor.next(), alive)
        web1.process.send_signal(signal.SIGHUP)
        self.assertEqual(supervisor.next_but(alive), "RELOADING=1")
        self.assertEqual(supervisor.next_but(alive), "READY=1")
        web1.process.send_signal(signal.SIGTERM)
        self.assertEqual(supervisor.next_but(alive), "STOPPING=1")
        self.assertEqual(web1.wait_end(), 0)


class RightsTest(unittest.TestCase):
    def setUp(self):
        self.kernel = kernel_audit.KernelAudit(self)
        self.site = agent.Site()
        self.addCleanup(self.site.close)
        probe = [*SETPRIV, "true"]
        if shutil.which("setpriv") is None or subprocess.run(probe, check=False).returncode:
            self.skipTest("no setpriv here, or it may not take rights away")

    def test_needs_two_rights_only(self):
        rules = self.site.directory / "a.rules"
        rules.write_text("-w /etc/shadow -p wa -k shadow\n")
        rules.chmod(0o600)
        for source in ("netlink", "multicast"):
            with self.subTest(source=source):
                web1 = self.site.agent(
                    keys={"source": source, "rules": "load", "rules_file": rules},
                    prefix=SETPRIV).start()
                web1.wait_status(lambda status: status["rules_checks_total"] > 0, "the rules")
                self.assertEqual(web1.status()["rules_problem"], "")
                mark = self.kernel.mark()
                auspex.wait_for(
                    lambda: any(mark in record for record in web1.stored("-m", "USER")),
                    "a record of the kernel")
                self.assertIn("kernel_lost", web1.status())
                self.assertEqual(web1.stop(), 0)
                self.kernel.auditctl("-D")


if __name__ == "__main__":
    unittest.main()
