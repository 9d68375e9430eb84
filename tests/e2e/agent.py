"""The language of the tests of auspex-agent: a site with a CA of its own, its collectors, and agents that
deliver to them.

An agent of the tests is a plugin by default: it gets its records on standard input, as from auditd, so that the
test knows each of them, and nobody needs the kernel's audit. They arrive as they are: log_format is raw.
"""

import atexit
import collections
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import urllib.request

import auspex

# The host in the certificate of each agent, unless another one is said.
HOST = "web1"

# What an agent can have lost: by the words of `auspex hosts`, and those of `auspex-agent status`. What the
# kernel has lost since its boot is no matter of an agent that gets its records elsewhere.
LOSSES = {
    "overruns": "lost_overruns_total",
    "missing": "lost_missing_events_total",
    "queue": "lost_queue_records_total",
    "spool": "lost_spool_records_total",
    "aged": "lost_aged_records_total",
    "errors": "lost_error_records_total",
}


def is_of_a_daemon(record):
    """Whether the agent or auditd tells of itself."""
    return record.startswith(b"type=DAEMON_")


def records(count, size=0):
    """So many records, each an event of its own. The next ones go on with the next serials."""
    return [auspex.unique_record(size=size) for _ in range(count)]


def difference(stored, wanted):
    """What is wrong with what is stored, in a few words; empty if it is as wanted, each record as often."""
    stored, wanted = collections.Counter(stored), collections.Counter(wanted)
    if stored == wanted:
        return ""
    lacking, excess = wanted - stored, stored - wanted
    return (f"{lacking.total()} of {wanted.total()} lacking {list(lacking)[:2]}, "
            f"{excess.total()} in excess {list(excess)[:2]}")


def parse_hosts(output):
    return {host["host"]: host for host in map(json.loads, output.splitlines())}


class Site:
    """A directory with a CA and what it has signed. It goes with close(), as all that is on it."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="auspex-e2e-"))
        self._open = []
        atexit.register(self.close)
        self.run("ca", "init", "ca")
        self.ca = self.directory / "ca" / "ca.pem"
        self.access = self.directory / "access"
        self.access.write_text("ingest *\n")

    def run(self, *arguments):
        """What an `auspex` command prints."""
        run = subprocess.run([auspex.BIN / "auspex", *map(str, arguments)], capture_output=True,
                             cwd=self.directory, env=auspex.utc_environment(), check=False)
        if run.returncode != 0:
            raise AssertionError(f"auspex {arguments}: {run.stderr.decode()}")
        return run.stdout

    def issue(self, name, *options):
        """A certificate, once: its file and that of its key."""
        files = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        if not files[0].exists():
            self.run("ca", "issue", "ca", name, *options)
        return files

    def collector(self, address="127.0.0.1", prefix=()):
        """An auspexd that takes what agents of this site deliver. It is not started."""
        return self._keep(Collector(self, address, prefix))

    def agent(self, *collectors, host=HOST, **options):
        """An agent that delivers to these, which have to be started before. It is not."""
        return self._keep(Agent(self, collectors, host, **options))

    def close(self):
        atexit.unregister(self.close)
        while self._open:
            self._open.pop().close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _keep(self, thing):
        self._open.append(thing)
        return thing


class Collector(auspex.Server):
    """A server for agents, which keeps its address over restarts."""

    def __init__(self, site, address, prefix):
        name = "collector-" + address
        certificate, key = site.issue(name, "--server", "--ip", address)
        super().__init__(
            {
                "listen_address": address,
                "api_listen_port": 0,
                "api_certificate_file": certificate,
                "api_key_file": key,
                "api_ca_file": site.ca,
                "api_access_file": site.access,
            },
            prefix,
        )
        self.site = site
        self.api_port = None

    @property
    def address(self):
        return f"{self.keys['listen_address']}:{self.api_port}"

    def wait_ready(self):
        super().wait_ready()
        ports = (re.match(r"info api .*\bport=(\d+)", line) for line in self.log)
        self.api_port = next(int(match[1]) for match in ports if match)
        self.keys["api_listen_port"] = self.api_port

    def stored(self, host=HOST, *options):
        """What is there of a host, without what its agent tells of itself: how often each record."""
        found = self.search("--host", host, *options)
        return collections.Counter(line for line in found if not is_of_a_daemon(line))

    def has(self, record, host=HOST):
        """Whether it is stored."""
        return record in self.search("--host", host, "-a", str(auspex.stamp(record)[1]))

    def wait_stored(self, record, host=HOST):
        """Waits until it is, and with it those before it, if nothing holds them up."""
        auspex.wait_for(lambda: self.has(record, host), f"{record} to be stored")

    def host(self, host=HOST):
        """What `auspex hosts` tells of the host; nothing if it is not known."""
        listed = subprocess.run(
            [auspex.BIN / "auspex", "hosts", "--store", self.store, "--format", "json"],
            capture_output=True, env=auspex.utc_environment(), check=False)
        return parse_hosts(listed.stdout).get(host, {})

    def lost(self, host=HOST):
        """What the agent of the host has said that was lost, by cause, if anything was."""
        told = self.host(host).get("lost", {})
        return {cause: told[cause] for cause in LOSSES if told.get(cause)}

    def own_records(self, host=HOST):
        """What the agent tells of itself."""
        return [line for line in self.search("--host", host) if is_of_a_daemon(line)]


class Agent:
    """An auspex-agent in a directory of its own, which keeps its spool over restarts."""

    def __init__(self, site, collectors, host=HOST, keys=None, prefix=(), environment=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="agent-", dir=site.directory))
        self.config = self.directory / "auspex-agent.conf"
        self.spool = self.directory / "spool"
        self.store = self.directory / "store"
        self.socket = self.directory / "status.sock"
        certificate, key = site.issue(host)
        self.keys = {
            "source": "plugin",
            "log_format": "raw",
            "container_ids": "no",
            "server": " ".join(collector.address for collector in collectors) or None,
            "ca_file": site.ca,
            "certificate_file": certificate,
            "key_file": key,
            "spool_directory": self.spool,
            "store_directory": self.store,
            "status_socket": self.socket,
            "metrics_port": 0,
            **(keys or {}),
        }
        self.process = None
        self.log = []
        self.fed = []  # All that it was given, over its restarts.
        self._prefix = list(prefix)
        self._environment = {**auspex.utc_environment(), **(environment or {})}
        self._reader = None

    def write_config(self, *more_lines):
        lines = [f"{key} = {value}" for key, value in self.keys.items() if value is not None]
        self.config.write_text("".join(f"{line}\n" for line in [*lines, *more_lines]))

    def start(self, wait=True):
        """Starts it; returns once it is ready, or at once without `wait`."""
        self.write_config()
        self.log = []
        is_plugin = self.keys["source"] == "plugin"
        self.process = subprocess.Popen(
            [*self._prefix, auspex.BIN / "auspex-agent", "--config", self.config],
            stdin=subprocess.PIPE if is_plugin else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=auspex.die_with_parent,
            env=self._environment,
        )
        self._reader = threading.Thread(target=self._read_log, args=(self.process.stderr, self.log))
        self._reader.start()
        if wait:
            self.wait_log("info ready")
        return self

    def feed(self, lines):
        """Gives it records, as auditd does, and waits until it has read them, if it does."""
        self.fed += lines
        self.process.stdin.write(b"".join(line + b"\n" for line in lines))
        self.process.stdin.flush()

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait_end()

    def kill(self):
        """SIGKILL: what it has not stored by then is lost, and has to be known as such."""
        self.process.kill()
        self.wait_end()

    def reload(self):
        """SIGHUP, and waits until it says what has come of it: the lines of the log since."""
        begin = len(self.log)
        self.process.send_signal(signal.SIGHUP)
        auspex.wait_for(lambda: any("reload" in line for line in self.log[begin:]), "the reload")
        return self.log[begin:]

    def wait_end(self):
        """Waits until it has ended by itself; returns the exit code."""
        code = self.process.wait(timeout=auspex.PATIENCE_S)
        self._close_input()
        self._reader.join()
        return code

    def running(self):
        return self.process is not None and self.process.poll() is None

    def wait_log(self, text):
        """Waits until its log has a line with this text, and returns the line."""

        def there():
            ended = self.process.poll() is not None
            found = [line for line in list(self.log) if text in line]
            if not found and ended:
                self._reader.join()
                found = [line for line in self.log if text in line]
                if not found:
                    raise AssertionError(f"it ended without \"{text}\":\n" + "\n".join(self.log))
            return found

        return auspex.wait_for(there, f"\"{text}\" in the log of the agent")[0]

    def status(self):
        """What `auspex-agent status` tells, by name."""
        asked = subprocess.run(
            [auspex.BIN / "auspex-agent", "status", "--socket", self.socket, "--format", "json"],
            capture_output=True, check=False)
        if asked.returncode != 0:
            raise AssertionError(f"auspex-agent status: {asked.stderr.decode()}")
        return json.loads(asked.stdout)

    def status_text(self):
        asked = subprocess.run([auspex.BIN / "auspex-agent", "status", "--config", self.config],
                               capture_output=True, text=True, check=True)
        return asked.stdout

    def wait_status(self, condition, what):
        """Waits until its status meets the condition, and returns it."""

        def met():
            status = self.status()
            return status if condition(status) else None

        return auspex.wait_for(met, what)

    def wait_taken(self, count):
        """Waits until it has stored or dropped so many records of those that it was fed since its
        start, one by one."""
        self.wait_status(lambda status: status["records_total"] >= count
                         and status["queue_bytes"] == 0, "the records to be taken")

    def wait_idle(self):
        """Waits until nothing is left in its spool, which it fills a moment after wait_taken()."""
        return self.wait_status(
            lambda status: status["queue_bytes"] == 0 and status["spool_pending_bytes"] == 0,
            "the spool to be empty")

    def metrics(self):
        """What /metrics tells: values by name, with its labels."""
        port = re.search(r"metrics port=(\d+)", self.wait_log("metrics port="))[1]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=auspex.PATIENCE_S) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name.removeprefix("auspex_agent_"): float(value) for name, value in pairs}

    def stored(self, *options):
        """What is in its own store, as Collector.stored()."""
        found = auspex.search_bytes(self.store, *options).splitlines()
        return collections.Counter(line for line in found if not is_of_a_daemon(line))

    def rss_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def close(self):
        if self.running():
            self.kill()

    def _close_input(self):
        if self.process.stdin:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass  # What nobody has read.

    def _read_log(self, stream, log):
        with stream:
            for line in stream:
                log.append(line.decode(errors="replace").rstrip("\n"))


def lost(status):
    """Of a status: what was lost, by cause, if anything was."""
    return {cause: status[name] for cause, name in LOSSES.items() if status[name]}
