"""Logs of real kernel events, made here: by the real auditd, of logins, failures, programs with
strange arguments, accounts that come and go, and sockets.

The kernel's audit belongs to one auditd. So this is done only where there is none and no rule is
loaded, and everything is put back. What writes to /etc writes to a copy, in a mount namespace.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import unittest

import auspex
import real_tools

CONFIG = """
local_events = yes
write_logs = yes
log_file = {log}
log_format = {format}
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file = 50
num_logs = 0
priority_boost = 0
name_format = NONE
max_log_file_action = IGNORE
space_left = 10
space_left_action = IGNORE
admin_space_left = 5
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
use_libwrap = no
distribute_network = no
end_of_event_timeout = 2
"""

# /etc/audit/rules.d in short: of each kind of rule one, with one key, two or none.
RULES = """
-b 8192
-a always,exit -F arch=b64 -S execve -F key=exec -F key=also-exec
-a always,exit -F arch=b64 -S openat,open -F exit=-EACCES -F key=denied
-a always,exit -F arch=b64 -S connect,bind -F key=net
-a always,exit -F arch=b64 -S rename,renameat2,unlink,unlinkat -F uid=0 -F key=fsmod
-a always,exit -F arch=b64 -S kill
-w /etc/passwd -p wa -k identity
"""

# What makes the events. Programs that are not there are left out.
EVENTS = r"""
runuser -u nobody -- cat /etc/shadow
su -s /bin/sh nobody -c 'cat /etc/shadow; true'
groupadd auspextest
useradd -M -N -g auspextest auspextest
passwd -l auspextest
usermod -c 'a comment' auspextest
userdel auspextest
groupdel auspextest
sudo -n true
sh -c 'kill -SEGV $$'
python3 - <<'PROGRAM'
import os, socket, subprocess, tempfile
subprocess.run(["/bin/true", "a b", 'a "quoted" one', "two\nlines", "\u00fcml\u00e4ut", "x" * 3000])
subprocess.run(["true"], executable="/bin/true", cwd="/usr/lib")
with tempfile.TemporaryDirectory() as directory:
    os.chdir(directory)
    for name in ["a file", "h\u00e9", "line\nbreak", 'quo"te', "plain"]:
        open(name, "w").close()
        os.rename("./" + name, name + ".old")
        os.unlink("./" + name + ".old")
    unix = socket.socket(socket.AF_UNIX)
    unix.bind("sock")
    for address in ["sock.not", "\0abstract"]:
        try:
            socket.socket(socket.AF_UNIX).connect(address)
        except OSError:
            pass
    os.chdir("/")
for family, address in [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]:
    try:
        socket.socket(family).connect((address, 1))
    except OSError:
        pass
PROGRAM
"""


def _auditctl(*arguments):
    command = [real_tools.directory() / "sbin" / "auditctl", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=real_tools.environment(),
                          check=False)


def _status():
    """What the kernel's audit says of itself, by name."""
    return dict(re.findall(r"^(\w+) (\S+)", _auditctl("-s").stdout, re.MULTILINE))


def _refusal():
    """Why no capture can be made here; None if one can."""
    if os.geteuid() != 0:
        return "not root"
    status = _status()
    if status.get("pid") != "0":
        return "the kernel has no audit, or another auditd has it"
    if _auditctl("-l").stdout.strip() != "No rules":
        return "rules are loaded"
    if shutil.which("unshare") is None:
        return "no unshare"
    return None


class _Auditd:
    """The real auditd, in a mount namespace with an /etc of its own."""

    def __init__(self, directory, log_format):
        self.log = directory / f"{log_format.lower()}.log"
        etc = directory / "etc"
        if not etc.exists():
            subprocess.run(["cp", "-a", "/etc", etc], check=True, stderr=subprocess.DEVNULL)
        (etc / "audit").mkdir(exist_ok=True)
        config = etc / "audit" / "auditd.conf"
        config.write_text(CONFIG.format(log=self.log, format=log_format))
        config.chmod(0o640)
        self.rules = directory / "rules"
        self.rules.write_text(RULES)
        self.events = directory / "events"
        self.events.write_text("set +e\n" + EVENTS)
        self.etc = etc
        auditd = real_tools.directory() / "sbin" / "auditd"
        self.process = subprocess.Popen(
            self._command(f'exec "{auditd}" -n -s nochange'), env=real_tools.environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=auspex.die_with_parent)

    def _command(self, script):
        return ["unshare", "-m", "sh", "-c",
                f'mount --make-rprivate / && mount --bind "{self.etc}" /etc && {script}']

    def run(self):
        """Makes the events, and ends."""
        auspex.wait_for(
            lambda: _status().get("pid") == str(self.process.pid), "auditd to have the kernel's audit")
        auditctl = real_tools.directory() / "sbin" / "auditctl"
        script = f'"{auditctl}" -R "{self.rules}" && "{auditctl}" -e 1 && sh "{self.events}"'
        subprocess.run(self._command(script), env=real_tools.environment(), check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=60)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)


def make(directory):
    """Makes two logs, raw and enriched, in the directory. Skips the test where none can be made."""
    refusal = _refusal()
    if refusal is not None:
        raise unittest.SkipTest(f"no capture of kernel events: {refusal}")
    before = _status()
    logs = []
    for log_format in ("RAW", "ENRICHED"):
        auditd = _Auditd(pathlib.Path(directory), log_format)
        try:
            auditd.run()
        finally:
            _auditctl("-D")
            auditd.close()
            _auditctl("-e", before["enabled"])
            _auditctl("-b", before["backlog_limit"])
        logs.append(auditd.log)
    return logs
