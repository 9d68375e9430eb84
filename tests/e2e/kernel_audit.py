"""The audit of this machine's kernel, for the time of a test: what two users do is audited, and nothing else. The
kernel is left as it was found.

Tests that use it do not run beside each other (RESOURCE_LOCK kernel_audit), and are skipped where they may not.
"""

import atexit
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import auspex
import real_tools

# Users that nobody is. What the first one does is audited with all its system calls that are named here; of the
# second one only that it executes programs, since it does so as fast as it can.
USER = 54321
STORM_USER = 54322
CALLS = "execve,openat,connect,bind,sendto"

# What a user does. Python itself opens some hundred files besides.
THINGS = r"""
import os, socket, subprocess, sys

for path in (b"/etc/passwd", b"/nonexistent/uid=0", b"/no such\nfile", b"/tmp/\xff\xfe name", b"/etc/shadow"):
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError:
        pass
for family, address in (
    (socket.AF_INET, ("127.0.0.1", 9)),
    (socket.AF_INET6, ("::1", 9)),
    (socket.AF_UNIX, b"/tmp/no such \xff socket"),
    (socket.AF_UNIX, b"\0an abstract name"),
):
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as of_family:
            of_family.connect(address)
    except OSError:
        pass
subprocess.run(["/bin/true", "a b", "uid=0", "", b"\xff\xfe", "\n", "x" * 20000], check=True)
subprocess.run(["/bin/true", *("argument" * 30 for _ in range(90))], check=True)
"""


class KernelAudit:
    """For one test, which it skips if there is no audit to be had."""

    def __init__(self, test):
        if os.geteuid() != 0:
            raise unittest.SkipTest("the audit of the kernel needs root")
        self._auditctl = real_tools.directory() / "sbin" / "auditctl"
        if not self._auditctl.exists():
            raise unittest.SkipTest(f"there is no {self._auditctl}")
        try:
            self._before = self.status()
        except subprocess.CalledProcessError as refused:
            raise unittest.SkipTest(f"no audit in the kernel: {refused.stderr}") from refused
        # Who has died owns it still until the kernel has something to say.
        if pathlib.Path(f"/proc/{self._before['pid']}").exists():
            raise unittest.SkipTest(f"process {self._before['pid']} owns the audit socket")
        if self._before["enabled"] == 2:
            raise unittest.SkipTest("the audit of the kernel is locked")
        self._rules = []
        self._marks = 0
        test.addCleanup(self.restore)

    def auditctl(self, *arguments):
        return subprocess.run([self._auditctl, *map(str, arguments)], check=True, text=True,
                              capture_output=True, env=real_tools.environment()).stdout

    def status(self):
        """What `auditctl -s` tells, by name."""
        told = (line.split() for line in self.auditctl("-s").splitlines())
        return {words[0]: int(words[1]) for words in told if words[1].isdigit()}

    def watch(self):
        """From here on, what the users do is audited."""
        self.auditctl("-b", 8192)  # As distributions have it: the kernel's own 64 are few.
        self._add("-F", f"uid={USER}", "-S", CALLS, "-k", "things")
        self._add("-F", f"uid={STORM_USER}", "-S", "execve", "-k", "storm")

    def unwatch(self):
        while self._rules:
            self.auditctl("-d", *self._rules.pop())

    def mark(self):
        """Has the kernel make a record, and returns the text that is in no other."""
        self._marks += 1
        text = f"auspex-mark-{os.getpid()}-{self._marks:05}"
        self.auditctl("-m", text)
        return text.encode()

    def restore(self):
        self.unwatch()
        self.auditctl("-e", self._before["enabled"])
        self.auditctl("-b", self._before["backlog_limit"])

    def _add(self, *rule):
        words = ["always,exit", "-F", "arch=b64", *rule]
        self.auditctl("-a", *words)
        self._rules.append(words)


def do_many_things():
    """Files, sockets and programs, good and bad, of a user who is audited."""
    subprocess.run(["/usr/bin/python3", "-c", THINGS], user=USER, group=USER, extra_groups=[],
                   cwd="/", env={"PATH": "/usr/bin:/bin"}, check=True)


def visible_copy(program):
    """The program where another user sees it, which may not be so in the directory of the build."""
    directory = tempfile.mkdtemp(prefix="auspex-e2e-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    os.chmod(directory, 0o755)
    return shutil.copy(program, directory)


class Storm:
    """Processes that execute programs as fast as they can: each with a number of its own, from 1 to `count`."""

    def __init__(self, count):
        program = visible_copy(auspex.BIN / "tests" / "exec_storm")
        half = count // 2
        self._processes = [
            subprocess.Popen([program, str(first), str(last)], user=STORM_USER, group=STORM_USER,
                             extra_groups=[], cwd="/", preexec_fn=auspex.die_with_parent)
            for first, last in ((1, half), (half + 1, count))]

    def wait(self):
        codes = [process.wait() for process in self._processes]
        if codes != [0, 0]:
            raise AssertionError(f"exec_storm: {codes}")

    def running(self):
        return any(process.poll() is None for process in self._processes)


def executed(records):
    """Of these records, the numbers of all that a Storm has executed."""
    found = (re.search(rb'^type=EXECVE .*: argc=3 a0="[^ ]*exec_storm" a1="(\d+)"', record)
             for record in records)
    return [int(match[1]) for match in found if match]


class Auditd:
    """The real auditd in the foreground, in a directory of its own, with plugins."""

    def __init__(self, test, kernel, plugins):
        """`plugins`: the format and the configuration of each auspex-agent."""
        self._kernel = kernel
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="auspex-e2e-auditd-"))
        test.addCleanup(subprocess.run, ["rm", "-rf", self._directory], check=True)
        self.log = self._directory / "audit.log"
        plugin_directory = self._directory / "plugins.d"
        plugin_directory.mkdir()
        for number, (plugin_format, config) in enumerate(plugins):
            (plugin_directory / f"agent{number}.conf").write_text(
                f"active = yes\ndirection = out\npath = {auspex.BIN / 'auspex-agent'}\n"
                f"type = always\nargs = --config {config}\nformat = {plugin_format}\n")
            (plugin_directory / f"agent{number}.conf").chmod(0o640)
        (self._directory / "auditd.conf").write_text(
            f"log_file = {self.log}\nlog_format = ENRICHED\nlog_group = root\nname_format = NONE\n"
            "priority_boost = 0\nflush = NONE\nfreq = 0\nq_depth = 90000\nmax_log_file = 0\n"
            f"max_log_file_action = IGNORE\nplugin_dir = {plugin_directory}\nspace_left = 2\n"
            "admin_space_left = 1\nspace_left_action = IGNORE\nadmin_space_left_action = IGNORE\n"
            "disk_full_action = IGNORE\ndisk_error_action = IGNORE\n")
        self._process = subprocess.Popen(
            [real_tools.directory() / "sbin" / "auditd", "-n", "-c", self._directory],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=auspex.die_with_parent,
            env=real_tools.environment())
        test.addCleanup(self.stop)
        auspex.wait_for(self._owns_the_socket, "auditd to own the audit socket")

    def records(self):
        return self.log.read_bytes().splitlines()

    def stop(self):
        """Ends it, and with it its plugins."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=auspex.PATIENCE_S)
            self._process.stderr.close()

    def _owns_the_socket(self):
        if self._process.poll() is not None:
            raise unittest.SkipTest(f"auditd does not run: {self._process.stderr.read().decode()}")
        return self._kernel.status()["pid"] == self._process.pid
