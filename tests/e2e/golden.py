"""What tests beside a real program need: logs and what they hold, command lines about it, events
that are left out for a reason, and two outputs side by side."""

import collections
import concurrent.futures
import datetime
import difflib
import os
import pathlib
import re
import subprocess

import auspex

WORKERS = 2
SHOWN_LINES = 12
SHOWN_DIFFERENCES = 20

# Events with a record that `record` finds are taken out of the log where `options` says so.
Deviation = collections.namedtuple("Deviation", "reason options record")

_SECONDS = re.compile(rb"msg=audit\((\d+)\.")
_STAMP = re.compile(rb"msg=audit\(([^)]*)\)")


def goes_back(records):
    """Whether a log goes back in time, so that the order of its events depends on what else is
    read with them."""
    times = [int(match[1]) for match in map(_SECONDS.search, records) if match]
    return any(later + 2 < earlier for earlier, later in zip(times, times[1:]))


def order_depends_on_range(options, records):
    """Whether the events come in another order if a part of the log is read. A store has the order
    of the whole log."""
    has_range = any(option in ("-ts", "-te", "--start", "--end") for option in options)
    return has_range and goes_back(records)


def without(records, deviations):
    """The records of all events that none of the deviations is about."""
    patterns = [re.compile(deviation.record) for deviation in deviations]
    left_out = set()
    for record in records:
        stamp = _STAMP.search(record)
        if any(pattern.search(record) for pattern in patterns):
            left_out.add(stamp[1] if stamp else record)
    return [
        record for record in records
        if ((_STAMP.search(record) or [None, record])[1]) not in left_out]


_FIELD = re.compile(rb"[ ',(]([a-z0-9_-]+)=(\"[^\"]*\"|[^ ,'\"()]+)")
_TAIL = re.compile(rb"\x1d.*")


def values_of(records):
    """What words in braces stand for: for each name its values, a frequent one and a rare one
    first."""
    counts = collections.defaultdict(collections.Counter)
    times = []
    for record in records:
        body = _TAIL.sub(b"", record)
        for name, value in _FIELD.findall(body):
            text = value.strip(b'"').decode("utf-8", "replace")
            if text and not text.startswith("-") and text.isprintable() and "\ufffd" not in text:
                counts[name.decode()][text] += 1
        prefix = re.match(rb"(?:node=(\S+) )?type=([A-Z_]+) msg=audit\((\d+)\.\d+:(\d+)\)", body)
        if prefix:
            for name, value in zip(("node", "type"), prefix.groups()):
                if value:
                    counts[name][value.decode()] += 1
            counts["serial"][prefix[4].decode()] += 1
            times.append(int(prefix[3]))
    values = {}
    for name, counter in counts.items():
        ordered = [value for value, _ in counter.most_common()]
        values[name] = list(dict.fromkeys([ordered[0], ordered[-1]]))
    values["login"] = [value for value in values.get("auid", []) if value != "4294967295"]
    # Where words are compared as parts: one that stands in a longer one.
    for name in ("subj", "obj"):
        values[name] = [value.split(":")[0] for value in values.get(name, [])]
    times.sort()
    if times and times[0] > 1_100_000_000:
        values["start"] = [_date(times[len(times) // 3])]
        values["end"] = [_date(times[2 * len(times) // 3])]
    return values


def _date(seconds):
    """As %x and %X of the C locale: two arguments."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%m/%d/%y %H:%M:%S")


def fill(template, values):
    """The argument lists that a template with words in braces stands for; none if the log lacks
    such a field, two if it has."""
    names = re.findall(r"\{(\w+)\}", template)
    if any(not values.get(name) for name in names):
        return
    for choice in range(2 if names else 1):
        words = []
        for word in template.split():
            name = re.search(r"\{(\w+)\}", word)
            if name is None:
                words.append(word)
                continue
            value = values[name[1]][min(choice, len(values[name[1]]) - 1)]
            filled = word.replace(name[0], value)
            words += filled.split(" ") if name[1] in ("start", "end") else [filled]
        yield words


class Log:
    """A log, as it is and without the events of some deviations, each also as a store."""

    def __init__(self, name, path, directory):
        self.name = name
        self.directory = directory
        self.records = [line for line in path.read_bytes().split(b"\n") if line]
        self._files = {}

    def files(self, deviations):
        """The paths of a log and of a store of it."""
        if deviations not in self._files:
            base = pathlib.Path(self.directory) / f"{self.name}-{len(self._files)}"
            log = base.with_suffix(".log")
            store = base.with_suffix(".store")
            left = without(self.records, deviations)
            log.write_bytes(b"".join(record + b"\n" for record in left))
            command = [auspex.BIN / "auspex", "import", "--store", store, "--host", "h", log]
            subprocess.run(command, check=True, capture_output=True)
            self._files[deviations] = (log, store)
        return self._files[deviations]


def run(command, environment, stdin=None):
    """Exit status, output and messages. The standard input is a pipe if it is given."""
    arguments = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    done = subprocess.run(command, capture_output=True, env=environment, check=False,
                          timeout=auspex.PATIENCE_S, **arguments)
    return done.returncode, done.stdout, done.stderr


def difference(expected, found, name):
    """For a reader: what `name`, the real program, does, and where ours does something else."""
    lines = difflib.unified_diff(
        *([line.decode("utf-8", "backslashreplace") for line in text.split(b"\n")]
          for text in (expected[1], found[1])), name, "auspex", lineterm="", n=0)
    shown = [line[:300] for line, _ in zip(lines, range(SHOWN_LINES))]
    return "\n".join([f"status {expected[0]}, ours {found[0]}", *shown])


def share(jobs):
    """Every third of the comparisons, which keeps the tests of a change short; all of them if
    AUSPEX_ALL_COMPARISONS is set."""
    return jobs if os.environ.get("AUSPEX_ALL_COMPARISONS") else jobs[::3]


def compare(test, jobs, compare_one):
    """Runs `compare_one` on each job, which gives texts about what differs. Fails with them."""
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        wrong = [text for texts in pool.map(compare_one, jobs) for text in texts]
    if wrong:
        test.fail(f"{len(wrong)} differ:\n" + "\n\n".join(wrong[:SHOWN_DIFFERENCES]))
