#!/usr/bin/env python3
"""Prints what the tests that failed have said, from a JUnit file of ctest: where many tests run, the end of
the log is what is read first, and often all that is kept of it."""

import sys
import xml.etree.ElementTree

# The end tells what has failed; the beginning of a long output is in the log of the run.
LINES_MAX = 60


def main():
    for case in xml.etree.ElementTree.parse(sys.argv[1]).iter("testcase"):
        if case.get("status") != "fail":
            continue
        lines = (case.findtext("system-out") or "").splitlines()
        print(f"== failed: {case.get('name')}")
        print("\n".join(lines[-LINES_MAX:]))


if __name__ == "__main__":
    main()
