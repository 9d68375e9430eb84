"""The command lines on which `auspex search` is compared with the real ausearch, for a log; and
where the two differ for a reason.
"""

import collections
import datetime
import re

# Option lists. A word in braces stands for values of that field which the log holds; a list whose
# field the log lacks is left out.
CONDITIONS = """
-a {serial}
--event {serial}
-m {type}
-m {type},CWD,1112 -m USER_AUTH
--message ALL
-n {node}
--node {node} --node nobody
-k {key}
-k a
-k {key} -w
--key {key} -sv yes
-k no-such-key
-x {exe}
-x {exe} -w
--executable /usr
-c {comm}
-c s
-c {comm} -w
-f {name}
-f {name} -w
-f etc
--file /tmp -sv no
-f {cwd} -w
-ui {uid}
-ui root
--uid {uid} -m SYSCALL
-ue {euid}
-ue root
-ul {auid}
-ul -1
--loginuid {auid} -k a
-ua {login}
-ua root
-ua {uid} -sv no
-gi {gid}
-gi root
-ge {egid}
-ga {gid}
-p {pid}
-p {pid} -i
--pid {pid} --session -1
-pp {ppid}
--ppid {ppid} -sc execve
--session {ses}
--session -1
-sc {syscall}
-sc execve
-sc openat -sv no
--arch x86_64 -sc connect
--arch i386
--arch b64 -sv yes
-e {exit}
-e -13
-e EACCES
--exit -ENOENT
-sv yes
-sv no
--success no -ul -1
-hn {hostname}
-hn {addr}
-hn 1
-hn ?
-tm {terminal}
-tm {tty}
-tm {tty} -w
-tm (none)
-su {subj}
-su unconfined -w
-o {obj}
-o etc
-se {subj}
-se {obj} -w
-se u
-uu {uuid}
-vm {vm}
-ts {start}
-te {end}
-ts {start} -te {end}
-ts {start} -te {end} -k a
-ts 01/01/04
-ts now
--just-one
-m SYSCALL --just-one
-l -m USER_LOGIN,USER_AUTH,USER_ACCT
--eoe-timeout 5
--escape shell
--escape shell_quote -m EXECVE
--escape raw -k a
--input-logs -k a
""".split("\n")

# How matches are printed: each condition takes the next one.
FORMATS = [
    ["-r"], [], ["-i"], ["--format", "csv"], ["--format", "text"], ["--raw"], ["--interpret"],
    ["--format", "csv", "--extra-keys", "--extra-time"], ["--format", "default"],
    ["--format", "csv", "--extra-labels", "--extra-obj2"], ["--format", "interpret"],
    ["--format", "raw"],
]

# Command lines that both refuse, with the same message.
MISUSE = [
    ["-zz"], ["foo"], ["-a"], ["-a", "x"], ["-k"], ["-k", "-r"], ["-r", "-i"], ["-i", "-r"],
    ["-i", "foo"], ["--format", "xml"], ["--format"], ["--format", "csv", "-i"],
    ["-i", "--format", "csv"], ["--escape", "none"], ["--escape"], ["--extra-keys"],
    ["--extra-time", "-i"], ["--extra-obj2", "x"], ["-p", "x"], ["-pp", "x"], ["-p"],
    ["-ui", "no-such-user"], ["-ue", "no-such-user"], ["-ua", "no-such-user"],
    ["-ul", "no-such-user"], ["-gi", "no-such-group"], ["-ge", "no-such-group"],
    ["-ga", "no-such-group"], ["-ui"], ["-ul"], ["--session"], ["--session", "x"], ["-e"],
    ["-e", "ENOSUCH"], ["-sc", "nosuch"], ["-sc"], ["--arch", "nosuch"],
    ["--arch", "i386", "--arch", "i386"], ["--arch", "i386", "-sc", "read", "--arch", "i386"],
    ["-sv", "maybe"], ["-sv"], ["--eoe-timeout", "x"], ["--eoe-timeout", "0"], ["--eoe-timeout"],
    ["-m", "NOSUCH"], ["-ts"], ["-ts", "foo"], ["-te", "10:00:00x"], ["-if"], ["-if", "/no/such"],
    ["--checkpoint"],
]

Deviation = collections.namedtuple("Deviation", "reason options record")

USER_OPTIONS = r"-u[aile]|--uid.*|--loginuid"

# Events with such a record are taken out of the log where one of the options is used: "" for any.
# The reasons are those of query/README.md.
DEVIATIONS = [
    Deviation("AVC records without tclass= are lost", r"", rb"type=AVC (?!.*tclass=)"),
    Deviation("records two seconds apart in the log are torn", r"", rb"audit\(1481076984\.827:17\)"),
    Deviation("malformed records are accepted", r"",
              rb"audit\(1490239800\.477:34\) |audit\(\d+(\.\d+)?\):|^type= "),
    Deviation("a SYSCALL record without arguments hides the event", r"",
              rb"type=SYSCALL (?!.*\ba0=)"),
    Deviation("records that come late for what is searched are torn", r"-t[se]|--start|--end",
              rb"audit\(1481077231\.371:479\)"),
    Deviation("the subject of LOGIN records begins with subj=", r"-su|-se|--subject|--context",
              rb"type=LOGIN "),
    Deviation("hex digits and a quote are decoded", r"", rb"key=[0-9A-F]+\""),
    Deviation("the name of an account is not compared with the records of auditd", USER_OPTIONS,
              rb"type=DAEMON_"),
    Deviation("an anomaly's uid is its auid", r"-ui|--uid", rb"type=(ANOM_\w+|SECCOMP) "),
    Deviation("auditd's session is not found behind its pid", r"--session", rb"type=DAEMON_END "),
    Deviation("an account in TTY and INTEGRITY records is 0", USER_OPTIONS,
              rb"type=(TTY|INTEGRITY_\w+) "),
    Deviation("a NETFILTER_CFG record without a field hides the event",
              r"-c|--comm|-p|--pid|-su|-se|--subject|--context|" + USER_OPTIONS,
              rb"type=NETFILTER_CFG "),
    Deviation("msg=' without its other quote hides the event", r"-sv|--success|-tm",
              rb"msg='[^']*$|terminal=ssh'"),
    Deviation("the key (null) contains null", r"-k|--key", rb"\Z.^"),
]


def deviations_of(options):
    """Those that count for a command line."""
    return tuple(
        deviation for deviation in DEVIATIONS
        if not deviation.options or any(re.fullmatch(deviation.options, o) for o in options))


_SECONDS = re.compile(rb"msg=audit\((\d+)\.")
_STAMP = re.compile(rb"msg=audit\(([^)]*)\)")


def order_depends_on_range(options, records):
    """Whether the events of a log that goes back in time come in another order if a part of it is
    read. A store has the order of the whole log."""
    if not any(option in ("-ts", "-te") for option in options):
        return False
    times = [int(match[1]) for match in map(_SECONDS.search, records) if match]
    return any(later + 2 < earlier for earlier, later in zip(times, times[1:]))


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
    """What the braces of CONDITIONS stand for: for each name its values, a frequent one and a rare
    one first."""
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


def command_lines(records):
    """The options of each comparison for a log."""
    values = values_of(records)
    lines = []
    for condition in filter(None, CONDITIONS):
        names = re.findall(r"\{(\w+)\}", condition)
        if any(not values.get(name) for name in names):
            continue
        for choice in range(2 if names else 1):
            words = []
            for word in condition.split(" "):
                name = re.search(r"\{(\w+)\}", word)
                if name is None:
                    words.append(word)
                    continue
                value = values[name[1]][min(choice, len(values[name[1]]) - 1)]
                filled = word.replace(name[0], value)
                words += filled.split(" ") if name[1] in ("start", "end") else [filled]
            has_format = any(word in ("-i", "-r") for word in words)
            line = words + ([] if has_format else FORMATS[len(lines) % len(FORMATS)])
            if line not in lines:
                lines.append(line)
    return lines
