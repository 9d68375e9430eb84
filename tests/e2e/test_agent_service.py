"""auspex-agent as a service of systemd: it says when it is ready, that it is alive and that it ends; and it needs
no rights but the two that its unit leaves it."""

import shutil
import signal
import subprocess
import unittest

import agent
import auspex
import kernel_audit
import supervisor

SETPRIV = ["setpriv", "--bounding-set", "-all,+audit_control,+audit_read", "--inh-caps", "-all",
           "--no-new-privs"]


class ServiceTest(unittest.TestCase):
    def setUp(self):
        self.site = agent.Site()
        self.addCleanup(self.site.close)

    def test_tells_its_supervisor_how_it_is(self):
        systemd = supervisor.Supervisor(self.site.directory)
        self.addCleanup(systemd.close)
        web1 = self.site.agent(environment=systemd.environment(watchdog_s=0.1)).start()
        alive = supervisor.ALIVE
        self.assertEqual(systemd.next_but(alive), "READY=1")
        for _ in range(3):
            self.assertEqual(systemd.next(), alive)
        web1.process.send_signal(signal.SIGHUP)
        self.assertEqual(systemd.next_but(alive), "RELOADING=1")
        self.assertEqual(systemd.next_but(alive), "READY=1")
        web1.process.send_signal(signal.SIGTERM)
        self.assertEqual(systemd.next_but(alive), "STOPPING=1")
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
