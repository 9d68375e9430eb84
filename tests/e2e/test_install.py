"""What `cmake --install` puts where, and what systemd says of the units, the user and the
directories."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import auspex

BUILD = auspex.BIN.parent

COLLECTOR = """
usr/sbin/auspexd
usr/lib/systemd/system/auspexd.service
usr/lib/systemd/system/auspexd.socket
usr/lib/systemd/system/auspex-backup.service
usr/lib/systemd/system/auspex-backup.timer
usr/lib/sysusers.d/auspex.conf
usr/lib/tmpfiles.d/auspex.conf
etc/auspex/auspexd.conf
usr/share/doc/auspex/README.md
usr/share/doc/auspex/examples/auspexd.conf
usr/share/doc/auspex/examples/retention.conf
usr/share/doc/auspex/examples/actions-as-root.conf
usr/share/man/man8/auspexd.8
usr/share/man/man5/auspexd.conf.5
usr/share/man/man5/auspex-retention.conf.5
usr/share/man/man7/auspexd-metrics.7
""".split()
CLIENT = """
usr/bin/auspex
usr/share/doc/auspex/examples/auspex.conf
usr/share/man/man1/auspex.1
""".split()
AGENT = """
usr/sbin/auspex-agent
usr/lib/systemd/system/auspex-agent.service
etc/auspex/auspex-agent.conf
usr/share/doc/auspex/examples/auspex-agent.conf
usr/share/doc/auspex/examples/agent/multicast.conf
usr/share/doc/auspex/examples/agent/netlink.conf
usr/share/doc/auspex/examples/agent/plugin.conf
usr/share/doc/auspex/examples/agent/plugins.d/auspex-agent.conf
usr/share/man/man8/auspex-agent.8
usr/share/man/man8/auspex-agent-rules.8
usr/share/man/man5/auspex-agent.conf.5
""".split()

UNITS = [pathlib.Path(file).name for file in COLLECTOR + AGENT if "/systemd/system/" in file]


class InstallTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="auspex-install-")
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)

    def install(self, *options, prefix="/usr"):
        subprocess.run(
            ["cmake", "--install", BUILD, "--prefix", prefix, *options],
            env={**auspex.utc_environment(), "DESTDIR": str(self.root)},
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def installed(self):
        return {
            str(path.relative_to(self.root)) for path in self.root.rglob("*") if not path.is_dir()
        }

    def run_tool(self, program, *arguments):
        """What a program of systemd says; the test is skipped where it is not there."""
        if shutil.which(program) is None:
            self.skipTest(f"there is no {program} here")
        run = subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=False
        )
        return run.returncode, run.stdout + run.stderr

    def test_installs_each_component_by_itself(self):
        expected = set()
        for component, files in (("collector", COLLECTOR), ("client", CLIENT), ("agent", AGENT)):
            self.install("--component", component)
            expected.update(files)
            self.assertEqual(self.installed(), expected, component)

    def test_installs_all(self):
        self.install()
        self.assertEqual(self.installed(), {*COLLECTOR, *CLIENT, *AGENT})

    def test_leaves_a_configuration_that_is_there_alone(self):
        config = self.root / "etc/auspex/auspexd.conf"
        config.parent.mkdir(parents=True)
        config.write_text("tcp_listen_port = 60\n")
        self.install("--component", "collector")
        self.assertEqual(config.read_text(), "tcp_listen_port = 60\n")

    def test_units_name_the_programs_where_they_are(self):
        self.install(prefix="/opt/auspex")
        for unit in self.root.rglob("*.service"):
            programs = re.findall(r"^Exec\w+=(\S*auspex\S*)", unit.read_text(), re.MULTILINE)
            self.assertTrue(programs, unit.name)
            for program in programs:
                self.assertTrue((self.root / program[1:]).exists(), f"{unit.name}: {program}")

    def test_systemd_has_no_objection_to_the_units(self):
        self.install()
        # What they refer to is systemd's own, and on every machine that has it.
        for kind in ("target", "slice"):
            for unit in pathlib.Path("/lib/systemd/system").glob(f"*.{kind}"):
                shutil.copy(unit, self.root / "usr/lib/systemd/system")
        (self.root / "bin").mkdir()
        shutil.copy("/bin/kill", self.root / "bin")
        for unit in UNITS:
            code, said = self.run_tool(
                "systemd-analyze", "verify", "--man=no", f"--root={self.root}", unit
            )
            self.assertEqual((code, said), (0, ""), unit)

    def test_systemd_makes_the_user_and_the_directories(self):
        self.install("--component", "collector")
        for file in ("passwd", "group"):
            (self.root / "etc" / file).touch()
        code, said = self.run_tool("systemd-sysusers", f"--root={self.root}")
        self.assertEqual(code, 0, said)
        self.assertIn("\nauspex:", "\n" + (self.root / "etc/passwd").read_text())
        if os.geteuid() != 0:
            self.skipTest("only root can give directories away")
        code, said = self.run_tool("systemd-tmpfiles", f"--root={self.root}", "--create")
        self.assertEqual((code, said), (0, ""))
        backups = self.root / "var/backups/auspex"
        self.assertEqual(backups.stat().st_mode & 0o777, 0o700)
        self.assertNotEqual(backups.stat().st_uid, 0)


if __name__ == "__main__":
    unittest.main()
