"""The command lines on which `auspex search` is compared with the real ausearch, for a log; and
where the two differ for a reason.
"""

import re

import golden
from golden import Deviation

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
    Deviation("the call of a SECCOMP record is unknown", r"csv|text", rb"type=SECCOMP "),
    Deviation("the key (null) contains null", r"-k|--key", rb"\Z.^"),
]


def deviations_of(options):
    """Those that count for a command line."""
    return tuple(
        deviation for deviation in DEVIATIONS
        if not deviation.options or any(re.fullmatch(deviation.options, o) for o in options))


def command_lines(records):
    """The options of each comparison for a log."""
    values = golden.values_of(records)
    lines = []
    for condition in filter(None, CONDITIONS):
        for words in golden.fill(condition, values):
            has_format = any(word in ("-i", "-r") for word in words)
            line = words + ([] if has_format else FORMATS[len(lines) % len(FORMATS)])
            if line not in lines:
                lines.append(line)
    return lines
