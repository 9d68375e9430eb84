"""Logs of real kernel events, made here: by the real auditd, of logins, failures, programs with
strange arguments, accounts that come and go, and sockets.

The kernel's audit belongs to one auditd. So this is done only where there is none and no rule is
loaded, and everything is put back. What writes to /etc or /var/log does so in a mount namespace.
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
mount -t tmpfs none /var/log
runuser -u nobody -- cat /etc/shadow
su -s /bin/sh nobody -c 'cat /etc/shadow; true'
groupadd auspextest
useradd -M -N -g auspextest auspextest
passwd -l auspextest
usermod -c 'a comment' auspextest
useradd -M -N -g no-such-group auspextest
userdel auspextest
groupdel auspextest
sudo -n true
runuser -u nobody -- su -c true </dev/null
sh -c 'kill -SEGV $$'
sh -c 'echo 0 >/proc/self/loginuid; cat /etc/shadow >/dev/null; touch -d @0 /etc/passwd'
unshare -n ip link set lo promisc on
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
python3 - <<'PROGRAM'
import ctypes, os, pty, socket, struct
def killed_by_seccomp():
    PR_SET_SECCOMP, SECCOMP_MODE_STRICT = 22, 1
    ctypes.CDLL(None).prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)
    os.getcwd()
def whose_keys_are_logged():
    NETLINK_AUDIT, AUDIT_TTY_SET, NLM_F_REQUEST = 9, 1017, 1
    audit = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT)
    audit.send(struct.pack("=IHHIIII", 24, AUDIT_TTY_SET, NLM_F_REQUEST, 1, 0, 1, 0))
    while b"end" not in os.read(0, 100):
        pass
def child(function):
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            function()
        finally:
            os._exit(0)
    return pid, terminal
os.waitpid(child(killed_by_seccomp)[0], 0)
pid, master = child(whose_keys_are_logged)
os.write(master, b'ls -l "a\\b"\x1b[A\x1b[D\x01\x09\xc3\xa4\n')
os.write(master, b"end\n")
os.waitpid(pid, 0)
# What programs tell that are not here, through the library that they tell it with.
audit = ctypes.CDLL("libaudit.so.1")
link = audit.audit_open()
for kind, operation, name, number, address, terminal, result in [
        (1112, b"login", b"root", -1, b"192.0.2.1", b"ssh", 1),
        (1112, b"login", b"(unknown user)", -1, b"192.0.2.2", b"ssh", 0),
        (1112, b"login", b"nobody", 65534, b"2001:db8::1", b"/dev/tty1", 1),
        (1100, b"PAM:authentication", b"n\xc3\xb6 one", -1, b"192.0.2.2", b"ssh", 0),
        (1102, b"change-group", b"nobody", -1, None, None, 0),
        (1126, b"authenticate", b"nobody", -1, None, None, 0),
        (1132, b"change", b"nobody", -1, None, None, 1)]:
    audit.audit_log_acct_message(
        link, kind, None, operation, name, number, None, address, terminal, result)
for kind, text, result in [
        (1111, b"op=start", 1), (2100, b"op=failures", 0), (2202, b"op=lock acct=\"x\"", 1),
        (2500, b'virt=kvm op=start reason=booted vm="a" uuid=1-2', 1),
        (2404, b"op=destroy kind=session fp=? direction=both", 1), (2300, b"op=assign", 0)]:
    audit.audit_log_user_message(link, kind, text, None, None, None, result)
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
                       stderr=subprocess.DEVNULL, timeout=auspex.PATIENCE_S)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=auspex.PATIENCE_S)


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
