"""A system with a systemd of its own: process 1 of namespaces, on a copy of this machine's files."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import auspex

SCRIPT = auspex.ROOT / "tests" / "e2e" / "boot_system.sh"
NAMESPACES = ["--mount", "--pid", "--uts", "--ipc", "--cgroup", "--net"]
PROGRAMS = ["unshare", "nsenter", "setpriv", "ip", "systemctl"]


class System:
    """Boots it; the test is skipped where that cannot be. It ends with the test."""

    def __init__(self, test):
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if os.geteuid() != 0 or missing or not pathlib.Path("/lib/systemd/systemd").exists():
            test.skipTest(f"to boot a systemd needs root, systemd and {', '.join(PROGRAMS)}")
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="auspex-system-"))
        self._cgroup = self._make_cgroup(test)
        test.addCleanup(self._remove)
        self.process = subprocess.Popen(
            ["unshare", *NAMESPACES, "--fork", "--kill-child", SCRIPT, self._directory],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=self._begin,
        )
        test.addCleanup(self.end)
        auspex.wait_for(lambda: self.has_ended() or self._is_up(), "systemd")
        if self.has_ended():
            test.skipTest(f"no systemd can be booted: {self.process.stdout.read().decode()}")

    def has_ended(self):
        return self.process.poll() is not None

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def run(self, *command, check=True):
        """Runs a command in it, and returns what that has printed, on either stream."""
        run = subprocess.run(
            [
                *["nsenter", "--target", str(self._first_process()), "--root", "--wd"],
                *[namespace for namespace in NAMESPACES if namespace != "--cgroup"],
                *["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TZ=UTC", *command],
            ],
            capture_output=True,
            text=True,
            timeout=auspex.PATIENCE_S,
            check=False,
        )
        if check and run.returncode != 0:
            raise AssertionError(f"{command}: {run.returncode} {run.stdout}{run.stderr}")
        return run.stdout + run.stderr

    def write(self, path, text):
        path = pathlib.Path(path)
        self.run("mkdir", "-p", path.parent)
        # Its files are seen by way of its first process.
        pathlib.Path(f"/proc/{self._first_process()}/root{path}").write_text(text)

    def install(self, *components):
        """What is built, as a package does."""
        root = f"/proc/{self._first_process()}/root"
        for component in components:
            subprocess.run(
                ["cmake", "--install", auspex.BIN.parent, "--prefix", "/usr", "--component", component],
                env={**os.environ, "DESTDIR": root},
                stdout=subprocess.DEVNULL,
                check=True,
            )
        self.run("systemd-sysusers")
        self.run("systemd-tmpfiles", "--create", "auspex.conf")
        self.run("systemctl", "daemon-reload")

    def property(self, unit, name):
        return self.run("systemctl", "show", "--value", "-p", name, unit).strip()

    def _begin(self):
        auspex.die_with_parent()
        (self._cgroup / "cgroup.procs").write_text(str(os.getpid()))

    def _is_up(self):
        try:
            return self.run("systemctl", "is-active", "basic.target", check=False) == "active\n"
        except (IndexError, OSError):
            return False  # Not even begun.

    def _first_process(self):
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return children.split()[0]

    def _make_cgroup(self, test):
        mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
        places = [mount[1] for mount in mounts if mount[2] == "cgroup2"]
        if not places:
            test.skipTest("no cgroup2 is mounted here")
        cgroup = pathlib.Path(places[0]) / self._directory.name
        cgroup.mkdir()
        return cgroup

    def _remove(self):
        def remove_cgroups():
            try:
                for directory, _, _ in os.walk(self._cgroup, topdown=False):
                    os.rmdir(directory)
            except OSError:
                return False  # Of processes that are about to be gone.
            return True

        auspex.wait_for(remove_cgroups, "the processes of the system to be gone")
        shutil.rmtree(self._directory)
