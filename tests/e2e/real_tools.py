"""The real programs of Debian's auditd packages: the clients that we serve, and the oracle.

They are unpacked and never installed: installing the package starts an auditd on the machine.
"""

import os
import pathlib
import queue
import shutil
import subprocess
import threading
import unittest

import auspex

# All that audisp-remote reads of /etc beside its configuration.
ETC_FILES = "hosts host.conf nsswitch.conf resolv.conf gai.conf ld.so.cache localtime passwd group"


def directory():
    """Where the packages are unpacked. Skips the test where they cannot be had."""
    tools = pathlib.Path(os.environ.get("AUSPEX_REAL_TOOLS", auspex.ROOT / "build" / "tools"))
    if not (tools / "sbin" / "audisp-remote").exists():
        subprocess.run([auspex.ROOT / "tests" / "fetch-real-tools.sh"], check=True)
    if not (tools / "sbin" / "audisp-remote").exists():
        raise unittest.SkipTest("no real tools: see tests/fetch-real-tools.sh")
    return tools


def environment():
    """For the real programs: their own library, and times in UTC."""
    libraries = sorted(str(path) for path in directory().glob("lib/*-linux-*"))
    return {**auspex.utc_environment(), "LD_LIBRARY_PATH": ":".join(libraries)}


def ausearch(file, *options):
    """What the real `ausearch -if FILE --raw` prints; empty if nothing matches."""
    command = [directory() / "sbin" / "ausearch", "-if", file, "--raw", *options]
    return auspex.run_search(command, environment())


def _unshare():
    """The command that gives a process mounts of its own. Skips the test where it may not."""
    command = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-m"]
    probe = [*command, "mount", "-t", "tmpfs", "none", "/etc"]
    if shutil.which("unshare") is None or subprocess.run(probe, capture_output=True).returncode:
        raise unittest.SkipTest("no mount namespaces here: audisp-remote cannot be configured")
    return command


class AudispRemote:
    """The real audisp-remote, started as auditd starts it: records come on its standard input.

    Its configuration has one place, in /etc, and must belong to root. So it sees an /etc of its
    own, in a mount namespace: the machine's is not touched.
    """

    def __init__(self, server, keys=None):
        program = directory() / "sbin" / "audisp-remote"
        unshare = _unshare()
        self.config = server.directory / "audisp-remote.conf"
        settings = {
            "remote_server": "127.0.0.1",
            "port": server.port,
            "transport": "tcp",
            "mode": "immediate",
            "queue_file": server.directory / "remote.log",
            "queue_depth": 20000,
            "format": "managed",
            "network_retry_time": 1,
            "max_tries_per_record": 200,
            "max_time_per_record": 200,
            "remote_ending_action": "reconnect",
            **(keys or {}),
        }
        self.config.write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
        script = f"""
            set -e
            etc=$(mktemp -d -p "$1")
            for file in {ETC_FILES}; do cp -L "/etc/$file" "$etc" 2>/dev/null || true; done
            mount -t tmpfs -o mode=0755 none /etc
            cp "$etc"/* /etc
            mkdir /etc/audit
            cp "$2" /etc/audit/audisp-remote.conf
            chmod 0640 /etc/audit/audisp-remote.conf
            exec "$3"
        """
        self.process = subprocess.Popen(
            [*unshare, "sh", "-c", script, "sh", server.directory, self.config, program],
            stdin=subprocess.PIPE,
            preexec_fn=auspex.die_with_parent,
            # auditd ignores SIGPIPE, and so do its plugins: audisp-remote 3.0.9 does nothing about
            # it, and would die of a connection that ends between its header and its record.
            restore_signals=False,
            env=environment(),
        )
        self._input = queue.SimpleQueue()
        self._feeder = threading.Thread(target=self._feed)
        self._feeder.start()

    def feed(self, records):
        """Gives it records, as auditd does, and does not wait: while it retries a record it
        reads no other."""
        self._input.put(b"".join(record + b"\n" for record in records))

    def running(self):
        return self.process.poll() is None

    def close(self):
        """Ends it. What it has not sent by then is lost: wait for the records first."""
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._input.put(None)
        self._feeder.join()

    def _feed(self):
        try:
            with self.process.stdin as stdin:
                for data in iter(self._input.get, None):
                    stdin.write(data)
                    stdin.flush()
        except BrokenPipeError:
            pass  # It has ended, which running() tells.
