#!/usr/bin/env python3
"""Measures what a collector costs to which nobody sends: the CPU time of all its threads, the watch of the free space,
which looks once a second, among them.

    run_idle.py [--runs 3] [--seconds 60]

Prints the median. The kernel counts a thread's time in nanoseconds, so a machine that is busy otherwise changes little.
"""

import argparse
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

import auspex  # pylint: disable=wrong-import-position

# What a start leaves to be done is over by then.
WARM_UP_S = 5


def cpu_ns(pid):
    """Of all threads of a process that never end, as these do."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def measure(seconds):
    server = auspex.Server()
    try:
        server.start()
        time.sleep(WARM_UP_S)
        before = cpu_ns(server.process.pid)
        time.sleep(seconds)
        return (cpu_ns(server.process.pid) - before) / seconds / 1e9
    finally:
        server.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    shares = [measure(options.seconds) for _ in range(options.runs)]
    print(f"idle: {100 * statistics.median(shares):.3f} % of a core "
          f"({', '.join(f'{100 * share:.3f}' for share in shares)})")


if __name__ == "__main__":
    main()
