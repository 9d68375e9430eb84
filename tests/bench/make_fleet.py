#!/usr/bin/env python3
"""Makes the log of a fleet out of the log of one host, and writes it to standard output.

    make_fleet.py LOG HOSTS DAYS RECORDS

Each host has RECORDS records on each day, or some more, since events stay whole: a piece of the log
that goes on where the host's day before ended, its events spread evenly over the day. The last day
is the one before the log's.
"""

import re
import sys

DAY_S = 86_400
STAMP = re.compile(rb"msg=audit\((\d+)\.\d{3}:(\d+)\)")


def read_events(path):
    """The events of the log, in the order of their first records: lists of lines, cut around the
    stamp."""
    events = {}
    with open(path, "rb") as log:
        for line in log:
            stamp = STAMP.search(line)
            if stamp:
                event = events.setdefault(stamp[0], (stamp[2], []))
                event[1].append((line[:stamp.start()], line[stamp.end():]))
    return list(events.values())


def main():
    path, hosts, days, records = sys.argv[1], *map(int, sys.argv[2:])
    events = read_events(path)
    with open(path, "rb") as log:
        last_day = int(STAMP.search(log.readline())[1]) // DAY_S
    # Where each host is in the log: far from its neighbours.
    places = [host * len(events) // hosts for host in range(hosts)]
    for day in range(days):
        begin_s = (last_day - days + day) * DAY_S
        for host in range(hosts):
            taken, count = [], 0
            while count < records:
                taken.append(events[places[host] % len(events)])
                places[host] += 1
                count += len(taken[-1][1])
            lines = []
            for number, (serial, cut_lines) in enumerate(taken):
                time_ms = begin_s * 1000 + number * DAY_S * 1000 // len(taken)
                stamp = b"msg=audit(%d.%03d:%s)" % (time_ms // 1000, time_ms % 1000, serial)
                for front, back in cut_lines:
                    lines.append(b"node=host%04d %s%s%s" % (host, front, stamp, back))
            sys.stdout.buffer.write(b"".join(lines))


if __name__ == "__main__":
    main()
