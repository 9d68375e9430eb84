#!/usr/bin/env python3
"""Measures what it costs a host to be audited: auditd, auditd with audisp-remote, and auspex-agent, in turn, while
the same programs are started; and how fast an agent delivers what has waited in its spool.

    run_agent.py [--runs 3] [--count 10000] [--rates 1000,0] [--chains "NAME;..."] [--drain 1000000] [--log LOG]

A rate is of programs a second; 0: as fast as they can be started. Without --log the spool is filled with the log of
a busy host, ../shared/bench/build-host.log.zst, or with generated records if that is not there.

Prints medians, of all processes on the host that have to do with it (not of the collector, which is on this machine,
too): microseconds of CPU per event of execve(2), in user space and in all; how often they were woken; their memory;
which of the events have arrived; and what was lost on the way, by the kernel's count and by the agent's.

The CPU time of a process in all is exact (its CPU clock). How much of it is user space the kernel tells by looking
at each tick, some thousand times a run: exec_bench sees to it that it is not in step with them.

Needs root, a kernel whose audit nobody uses (it is left as it was), and the real auditd and audisp-remote
(tests/fetch-real-tools.sh) for what is said of these.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

import auspex  # pylint: disable=wrong-import-position
import real_tools  # pylint: disable=wrong-import-position

BENCH = auspex.BIN / "bench"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

# Started before what counts: threads and caches are there then.
WARM_UP_EVENTS = 200

# As rules of distributions have it; the kernel's own is 64.
BACKLOG_LIMIT = 8192


class Usage:
    """What processes have used up to now."""

    def __init__(self, pids):
        # The CPU clock of a process, clock_getcpuclockid(3).
        self.total_us = sum(time.clock_gettime_ns((~pid << 3) | 2) / 1e3 for pid in pids)
        self.user_ticks = 0
        self.system_ticks = 0
        self.wakeups = 0
        self.peak_kb = 0
        self.resident_kb = 0
        for pid in pids:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            self.user_ticks += int(fields[11])
            self.system_ticks += int(fields[12])
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            self.peak_kb += int(re.search(r"VmHWM:\s+(\d+)", status)[1])
            self.resident_kb += int(re.search(r"VmRSS:\s+(\d+)", status)[1])
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    text = (task / "status").read_text()
                    self.wakeups += int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", text)[1])


class Kernel:
    """The audit of the kernel, by auditctl."""

    def __init__(self):
        self.tool = real_tools.directory() / "sbin" / "auditctl"
        self.before = self.status()
        # An owner that was killed stays in the books until the kernel wants to send it something.
        is_owned = pathlib.Path(f"/proc/{self.before['pid'] or 'none'}").exists()
        is_free = not is_owned and self.before["enabled"] < 2
        if not is_free or self.run("-l").strip() != "No rules":
            raise SystemExit("the audit of the kernel is in use, or this is not root")
        self.run("-b", str(BACKLOG_LIMIT))

    def run(self, *arguments):
        return subprocess.run([self.tool, *arguments], env=real_tools.environment(), check=True,
                              capture_output=True, text=True).stdout

    def status(self):
        numbers = re.findall(r"^(\w+) (\d+)", self.run("-s"), re.MULTILINE)
        return {name: int(value) for name, value in numbers}

    def restore(self):
        self.run("-e", str(self.before["enabled"]))
        self.run("-b", str(self.before["backlog_limit"]))

    @contextlib.contextmanager
    def rule(self, parent, key):
        rule = ["always,exit", "-F", "arch=b64", "-F", f"ppid={parent}", "-S", "execve", "-k", key]
        self.run("-a", *rule)
        try:
            yield
        finally:
            self.run("-d", *rule)


def count_events(lines, key):
    """Not those of the rule itself, which name the key as well."""
    mark = f'key="{key}"'.encode()
    return sum(b"type=SYSCALL" in line and mark in line for line in lines)


class Collector:
    """An auspexd that has certificates, and a way to start again with an empty store."""

    def __init__(self, directory):
        self.directory = directory
        run = [auspex.BIN / "auspex", "ca"]
        for command in (["init", directory / "ca"],
                        ["issue", directory / "ca", "collector", "--server", "--ip", "127.0.0.1",
                         "--out", directory],
                        ["issue", directory / "ca", "agent", "--out", directory]):
            subprocess.run([*run, *command], check=True, capture_output=True)
        (directory / "access").write_text("ingest *\n")
        self.server = None
        self.api_port = None

    def start(self):
        self.server = auspex.Server({
            "api_listen_port": 0,
            "api_certificate_file": self.directory / "collector.pem",
            "api_key_file": self.directory / "collector.key",
            "api_ca_file": self.directory / "ca" / "ca.pem",
            "api_access_file": self.directory / "access",
            # As auditd has it: audisp-remote waits for each record, and would be held up.
            "flush": "INCREMENTAL_ASYNC",
        }).start()
        self.api_port = next(
            match[1] for match in (re.match(r"info api .*\bport=(\d+)", line)
                                   for line in self.server.log) if match)

    def close(self):
        self.server.stop()
        self.server.close()

    def count(self, key):
        return count_events(self.server.search("-k", key), key)


def start_auditd(directory, log_format, remote_port=None, writes=True):
    """Starts the real auditd with its defaults, but in a directory of its own. It sees an /etc of its own, where
    audisp-remote finds its configuration: see real_tools.AudispRemote."""
    plugins = directory / "plugins.d"
    plugins.mkdir(parents=True)
    (directory / "auditd.conf").write_text(f"""
        log_file = {directory}/audit.log
        write_logs = {"yes" if writes else "no"}
        log_format = {log_format}
        log_group = root
        name_format = NONE
        priority_boost = 4
        flush = INCREMENTAL_ASYNC
        freq = 50
        q_depth = 2000
        overflow_action = IGNORE
        max_log_file = 1000
        max_log_file_action = IGNORE
        plugin_dir = {plugins}
        space_left = 2
        admin_space_left = 1
        space_left_action = IGNORE
        admin_space_left_action = IGNORE
        disk_full_action = IGNORE
        disk_error_action = IGNORE
        """.replace("        ", ""))
    tools = real_tools.directory() / "sbin"
    (directory / "audisp-remote.conf").write_text(
        f"remote_server = 127.0.0.1\nport = {remote_port or 60}\ntransport = tcp\n"
        f"mode = immediate\nqueue_file = {directory}/remote.log\nqueue_depth = 10240\n"
        "format = managed\n")
    if remote_port:
        (plugins / "au-remote.conf").write_text(
            f"active = yes\ndirection = out\npath = {tools}/audisp-remote\ntype = always\n"
            "format = string\n")
        (plugins / "au-remote.conf").chmod(0o640)
    script = f"""
        set -e
        etc=$(mktemp -d -p "$1")
        for file in {real_tools.ETC_FILES} group; do
          cp -L "/etc/$file" "$etc" 2>/dev/null || true
        done
        mount -t tmpfs -o mode=0755 none /etc
        cp "$etc"/* /etc
        mkdir /etc/audit
        cp "$1/audisp-remote.conf" /etc/audit
        chmod 0640 /etc/audit/audisp-remote.conf
        exec "$2" -n -c "$1"
    """
    return subprocess.Popen(
        ["unshare", "-m", "sh", "-c", script, "sh", directory, tools / "auditd"],
        env=real_tools.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, preexec_fn=auspex.die_with_parent)


def end(process):
    process.terminate()
    if process.wait(timeout=auspex.PATIENCE_S) != 0:
        raise SystemExit(f"{process.args[-1]} ended with {process.returncode}")


class AuditdChain:
    """auditd alone, into a file, or with audisp-remote, into the collector only."""

    def __init__(self, directory, kernel, collector, log_format, is_remote=False):
        self.collector = collector if is_remote else None
        self.log = directory / "audit.log"
        self.auditd = start_auditd(directory, log_format, is_remote and collector.server.port,
                                   writes=not is_remote)
        auspex.wait_for(lambda: kernel.status()["pid"] == self.auditd.pid, "auditd")

    def pids(self):
        children = pathlib.Path(f"/proc/{self.auditd.pid}/task/{self.auditd.pid}/children")
        return [self.auditd.pid, *map(int, children.read_text().split())]

    def count(self, key):
        if self.collector:
            return self.collector.count(key)
        with self.log.open("rb") as log:
            return count_events(log, key)

    def losses(self):
        return 0  # It does not tell.

    def stop(self):
        end(self.auditd)


class Agent:
    """An auspex-agent that delivers to the collector. `source` is netlink, plugin (of which nothing comes), or
    multicast."""

    def __init__(self, directory, collector, keys):
        self.directory = directory
        self.socket = directory / "status.sock"
        directory.mkdir(exist_ok=True)
        made = collector.directory
        settings = {
            "spool_directory": directory / "spool",
            "status_socket": self.socket,
            "server": f"127.0.0.1:{collector.api_port}",
            "ca_file": made / "ca" / "ca.pem",
            "certificate_file": made / "agent.pem",
            "key_file": made / "agent.key",
            **keys,
        }
        (directory / "agent.conf").write_text(
            "".join(f"{key} = {value}\n" for key, value in settings.items()))
        self.process = subprocess.Popen(
            [auspex.BIN / "auspex-agent", "--config", directory / "agent.conf"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=(directory / "log").open("wb"), preexec_fn=auspex.die_with_parent)

    def status(self):
        asked = subprocess.run(
            [auspex.BIN / "auspex-agent", "status", "--socket", self.socket, "--format", "json"],
            capture_output=True, text=True, check=False)
        if self.process.poll() is not None:
            raise SystemExit("auspex-agent ended: " + (self.directory / "log").read_text())
        return json.loads(asked.stdout) if asked.returncode == 0 else None

    def await_connection(self):
        auspex.wait_for(lambda: (self.status() or {}).get("connected"), "the agent's connection")


class AgentChain:
    def __init__(self, directory, kernel, collector, **keys):
        self.collector = collector
        directory.mkdir()
        self.owner = None
        if keys.get("source") == "multicast":
            # Somebody owns the socket where such an agent runs. Without one the kernel prints.
            self.owner = start_auditd(directory / "owner", "RAW", writes=False)
            auspex.wait_for(lambda: kernel.status()["pid"] == self.owner.pid, "auditd")
        self.agent = Agent(directory, collector, keys)
        self.agent.await_connection()

    def pids(self):
        return [self.agent.process.pid]

    def count(self, key):
        return self.collector.count(key)

    def losses(self):
        status = self.agent.status()
        return sum(value for name, value in status.items() if name.startswith("lost_"))

    def stop(self):
        end(self.agent.process)
        if self.owner:
            end(self.owner)


CHAINS = {
    "auditd RAW, file": (AuditdChain, {"log_format": "RAW"}),
    "auditd ENRICHED, file": (AuditdChain, {"log_format": "ENRICHED"}),
    "auditd ENRICHED + audisp-remote": (AuditdChain, {"log_format": "ENRICHED",
                                                      "is_remote": True}),
    "auspex-agent": (AgentChain, {}),
    "auspex-agent, no container ids": (AgentChain, {"container_ids": "no"}),
    "auspex-agent, multicast": (AgentChain, {"source": "multicast"}),
}


def start_programs(kernel, key, count, rate):
    """Has so many programs started, with a rule for them. Returns how many there were a second."""
    command = [BENCH / "exec_bench", "--count", str(count), "--rate", str(rate)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as load:
        load.stdout.readline()
        with kernel.rule(load.pid, key):
            load.stdin.write("\n")
            load.stdin.flush()
            seconds = float(load.stdout.readline())
    return count / seconds


def await_events(chain, key, count):
    """Until all have arrived, or no more do. Returns how many have."""
    arrived = -1
    while arrived < count:
        before, arrived = arrived, chain.count(key)
        if arrived == before:
            break
        time.sleep(1)
    return arrived


def measure(name, directory, kernel, collector, count, rate):
    """One run of a chain."""
    collector.start()
    make, arguments = CHAINS[name]
    chain = make(directory, kernel, collector, **arguments)
    start_programs(kernel, "warm-up", WARM_UP_EVENTS, 1000)
    await_events(chain, "warm-up", WARM_UP_EVENTS)
    lost_before = kernel.status()["lost"]
    agent_lost_before = chain.losses()

    before = Usage(chain.pids())
    reached = start_programs(kernel, "bench", count, rate)
    arrived = await_events(chain, "bench", count)
    after = Usage(chain.pids())

    ticks = (after.user_ticks - before.user_ticks, after.system_ticks - before.system_ticks)
    total_us = after.total_us - before.total_us
    result = {
        "rate": reached,
        "user_us": total_us * ticks[0] / sum(ticks) / count,
        "total_us": total_us / count,
        "wakeups": (after.wakeups - before.wakeups) / count,
        "resident_mb": after.resident_kb / 1024,
        "peak_mb": after.peak_kb / 1024,
        "arrived": arrived,
        "kernel_lost": kernel.status()["lost"] - lost_before,
        "agent_lost": chain.losses() - agent_lost_before,
    }
    chain.stop()
    collector.close()
    return result


def print_rows(rows):
    print(f"{'chain':32} {'execs/s':>8} {'user us':>8} {'all us':>8} {'wakeups':>8} {'MB':>6} "
          f"{'peak':>6} {'arrived':>8} {'lost':>6} {'agent':>6}")
    for name, results in rows:
        median = {key: statistics.median(result[key] for result in results) for key in results[0]}
        print(f"{name:32} {median['rate']:8.0f} {median['user_us']:8.1f} "
              f"{median['total_us']:8.1f} {median['wakeups']:8.2f} {median['resident_mb']:6.1f} "
              f"{median['peak_mb']:6.1f} {min(r['arrived'] for r in results):8d} "
              f"{max(r['kernel_lost'] for r in results):6d} {max(r['agent_lost'] for r in results):6d}",
              flush=True)


def drain(directory, collector, records, log):
    """Delivers a spool of so many records. Returns records a second, and the agent's usage."""
    directory.mkdir()
    command = [BENCH / "spool_bench", "--directory", directory / "spool", "--records",
               str(records)]
    print(subprocess.run([*command, *(["--log", log] if log else [])], check=True, text=True,
                         capture_output=True).stdout.strip())
    collector.start()
    agent = Agent(directory, collector, {"source": "plugin", "spool_size": 4096})
    agent.await_connection()
    begin, before = time.monotonic(), Usage([agent.process.pid])
    status = agent.status()
    had = status["records_acknowledged_total"]
    while status["spool_pending_bytes"] > 0:
        time.sleep(0.05)
        status = agent.status()
    seconds, usage = time.monotonic() - begin, Usage([agent.process.pid])
    acknowledged = status["records_acknowledged_total"] - had
    print(f"drained {acknowledged} records in {seconds:.2f} s: {acknowledged / seconds:.0f} "
          f"records/s, agent {(usage.total_us - before.total_us) / acknowledged:.2f} us CPU a "
          f"record, {usage.peak_kb / 1024:.1f} MB at most, {usage.resident_kb / 1024:.1f} MB then",
          flush=True)
    end(agent.process)
    collector.close()
    return acknowledged / seconds


def log_of_host(directory, path):
    packed = auspex.SHARED / "bench" / "build-host.log.zst"
    if path or not packed.exists():
        return path
    log = directory / "host.log"
    with log.open("wb") as out:
        subprocess.run(["zstd", "-dcq", packed], stdout=out, check=True)
    return log


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rates", default="1000,0")
    parser.add_argument("--chains", help="of: " + "; ".join(CHAINS))
    parser.add_argument("--drain", type=int, default=1_000_000, help="records; 0: none")
    parser.add_argument("--log")
    options = parser.parse_args()
    names = options.chains.split(";") if options.chains else list(CHAINS)

    # On a real disk: what a spool costs depends on it.
    directory = pathlib.Path(tempfile.mkdtemp(prefix="agent-bench-", dir=auspex.BIN.parent))
    try:
        collector = Collector(directory)
        rates = [float(rate) for rate in options.rates.split(",") if rate]
        kernel = Kernel() if rates else None
        for rate in rates:
            results = {name: [] for name in names}
            try:
                for run in range(options.runs):
                    for index, name in enumerate(names):
                        place = directory / f"{rate:.0f}-{run}-{index}"
                        results[name].append(
                            measure(name, place, kernel, collector, options.count, rate))
            finally:
                kernel.restore()
            print(f"load average {os.getloadavg()[0]:.1f}, {options.count} events, medians of "
                  f"{options.runs}")
            print_rows(results.items())
        if options.drain:
            log = log_of_host(directory, options.log)
            speeds = [drain(directory / f"drain{run}", collector, options.drain, log)
                      for run in range(options.runs)]
            print(f"drain: median {statistics.median(speeds):.0f} records/s")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
