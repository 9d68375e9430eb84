#!/usr/bin/python3
"""Measures what a process whose system calls are audited waits for them, while the agent that owns the audit socket
delivers, while its collector is gone for long, and when there is no audit at all. Prints microseconds of a call:
the median, p99 and the worst, and what the agent had in its spool and lost.

    run_agent_latency.py [BUILD_DIRECTORY]

Environment: CALLS (100,000 openat, a tenth of it execs), BACKLOG (500,000 records that are in the spool before the
calls, while the collector is gone for long).

Needs root, and the audit of the kernel, which it leaves as it was.
"""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "release").resolve()
os.environ["AUSPEX_BIN"] = str(BUILD / "bin")
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

import subprocess  # noqa: E402
import unittest  # noqa: E402

import agent  # noqa: E402
import auspex  # noqa: E402
import kernel_audit  # noqa: E402

CALLS = int(os.environ.get("CALLS", "100000"))
BACKLOG = int(os.environ.get("BACKLOG", "500000"))


class Cleanups:
    """What kernel_audit takes for a test."""

    def __init__(self):
        self._cleanups = []

    def addCleanup(self, function, *arguments, **keywords):  # pylint: disable=invalid-name
        self._cleanups.append((function, arguments, keywords))

    def run(self):
        while self._cleanups:
            function, arguments, keywords = self._cleanups.pop()
            function(*arguments, **keywords)


def measure():
    """What the calls of a user who is audited take, in a line."""
    program = kernel_audit.visible_copy(BUILD / "bin" / "bench" / "syscall_latency")
    run = subprocess.run(
        [program, str(CALLS), str(CALLS // 10)],
        user=kernel_audit.USER, group=kernel_audit.USER, extra_groups=[], cwd="/", check=True,
        capture_output=True, text=True)
    return run.stdout.strip()


def row(what, web1=None):
    line = f"{what:34}{measure()}"
    if web1:
        status = web1.status()
        lost = sum(agent.lost(status).values())
        line += f"{status['spool_pending_bytes'] >> 20:12} MB{lost:8}"
    print(line, flush=True)


def run(cleanups):
    kernel = kernel_audit.KernelAudit(cleanups)
    site = agent.Site()
    cleanups.addCleanup(site.close)
    collector = site.collector().start()
    web1 = site.agent(collector, keys={"source": "netlink", "log_format": "enriched",
                                       "spool_size": 1024})
    print(f"{'':34}{'openat':>8}{'p99':>8}{'worst':>10}{'exec':>8}{'p99':>8}{'worst':>10}"
          f"{'spool':>15}{'lost':>8}")
    row("no audit")
    web1.start()
    kernel.watch()
    row("agent, collector there", web1)
    collector.stop()
    row("agent, collector gone", web1)
    while web1.status()["spool_records_total"] < BACKLOG:
        kernel_audit.Storm(20_000).wait()
    row("agent, collector gone for long", web1)
    collector.start()
    row("agent, collector back", web1)
    kernel.unwatch()
    web1.stop()


def main():
    cleanups = Cleanups()
    try:
        run(cleanups)
    except unittest.SkipTest as why:
        print(f"not measured: {why}")
    finally:
        cleanups.run()


if __name__ == "__main__":
    main()
