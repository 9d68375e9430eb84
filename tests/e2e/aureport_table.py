"""The command lines on which `auspex report` is compared with the real aureport, for a log; and
where the two differ for a reason.
"""

import re

import golden
from golden import Deviation

# Each report by its short name and its long one, where it has two.
REPORTS = [
    ("-au", "--auth"), ("-a", "--avc"), ("--comm",), ("-c", "--config"), ("-cr", "--crypto"),
    ("-e", "--event"), ("-f", "--file"), ("-h", "--host"), ("--integrity",), ("-k", "--key"),
    ("-l", "--login"), ("-m", "--mods"), ("-ma", "--mac"), ("-n", "--anomaly"), ("-p", "--pid"),
    ("-r", "--response"), ("-s", "--syscall"), ("-t", "--log"), ("-tm", "--terminal"), ("--tty",),
    ("-u", "--user"), ("--virt",), ("-x", "--executable"),
]

# Those that are a list of lines only: `--summary` is refused.
WITHOUT_SUMMARY = ("-t", "--tty")

# How each report is printed; {} is its name.
FORMS = ["{}", "{} -i", "{} --summary", "{} --summary -i"]

# Further options, for the whole summary and for {report}: another report with each of them and on
# each log. Other words in braces stand for values of that field which the log holds; a line whose
# field the log lacks is left out.
FILTERS = """
{report} --failed
{report} --success
{report} --failed --success
{report} --success --failed
{report} -ts {start}
{report} -te {end}
{report} -ts {start} -te {end}
--start {start} {report}
--end {end} {report}
--failed -ts {start} {report}
{report} -ts 01/01/04
{report} -te 01/01/04 10:00
{report} -ts 12/31/37 23:59
{report} --node {node}
{report} --node {node} --node nobody
{report} --node nobody
--node {node} --success {report}
{report} -nc
--no-config --failed {report}
{report} --add
{report} --delete
--add --success {report}
{report} --escape tty
{report} --escape raw
{report} --escape shell
{report} --escape shell_quote
{report} --eoe-timeout 5
{report} --input-logs
{report} --debug
""".split("\n")

# Reports on which an option has an effect, and orders of options.
COMBINATIONS = """
-c -nc
-c -nc -i
-c --no-config --summary -i
-m --add
-m --add -i
-m --delete --summary
-m --add --delete
-m --failed -i
-ma --add -i
-ma --delete --summary -i
-c --add --failed
-au --failed -i
-au --success --summary -i
-l --failed
-l --success -i
-l --failed --summary -i
--summary -x
--summary -x --failed -i
-i --summary -u --success
--failed --summary -s -i
--summary --summary -f
-i -i -k
-i --interpret -e
--summary -h
--interpret --summary --event
-k --escape shell
-k --escape shell_quote --summary
-f --escape raw --summary
-f --escape shell -i
-x --escape shell_quote -i
--comm --escape shell --summary
--comm --escape shell_quote -ts {start} -i
--tty --escape raw -i
--tty -ts {start} -te {end}
-n --escape raw -i
-s --failed --summary -i -te {end}
-f --failed -ts {start} -i
-p --node {node} --summary
-h --node {node} -i
-e -te now
-x --summary -ts today
-u -i -te this-year
-ts recent -k
-t -ts {start}
-t -te {end}
-t --failed
-t --node nobody
-t --node {node}
-t -i
--summary
--summary -i
-i
--summary --failed --node {node} -ts {start} -te {end}
""".split("\n")

# Command lines that both refuse, with the same messages.
MISUSE = [
    ["-zz"], ["--nosuch"], ["foo"], ["-au", "foo"], ["-a", "foo"], ["-e", "17"],
    ["-l", "foo"], ["-m", "foo"], ["-cr", "foo"], ["--tty", "foo"], ["-t", "foo"],
    ["--summary", "foo"], ["--failed", "foo"], ["-nc", "foo"], ["--add", "foo"], ["--debug", "foo"],
    ["-i", "foo"], ["--interpret", "foo"], ["-x", "-i", "foo"], ["-i", "foo", "-zz"],
    ["-x", "-f"], ["-x", "-x"], ["-t", "--summary", "-k"], ["--comm", "--virt"],
    ["-au", "--auth"], ["-f", "-x", "-zz"],
    ["-if"], ["--input"], ["-if", "-x"], ["-x", "-if"], ["-if", "/no/such/log"],
    ["-x", "--summary", "-if", "/no/such/log"], ["--input", "/no/such/log", "-t"],
    ["-if", "a" * 5000],
    ["--node"], ["--node", "-x"], ["-x", "--node"],
    ["--escape"], ["--escape", "none"], ["--escape", "-x"], ["--escape", ""], ["-x", "--escape"],
    ["--eoe-timeout"], ["--eoe-timeout", "0"], ["--eoe-timeout", "x"], ["--eoe-timeout", "-1"],
    ["--eoe-timeout", "99999999999999999999"], ["--eoe-timeout", "5", "6"],
    ["-ts"], ["-te"], ["--start"], ["--end"], ["-ts", "-x"], ["-te", "-x"], ["-ts", "foo"],
    ["-te", "foo"], ["-ts", "13/01/20"], ["-ts", "01/01/20x"], ["-te", "01/01/20x"],
    ["-ts", "01/01/20", "25:00:00"], ["-te", "01/01/20", "25:00"], ["-ts", "10:00:00x"],
    ["-te", "10:00:00x"], ["-ts", "01/01/03"], ["-te", "01/01/03"], ["-ts", "01/01/20", "foo"],
    ["-ts", "foo", "10:00:00"], ["-te", "foo", "10:00:00"], ["-ts", "01/01/20", "10:00:00", "x"],
    ["-te", "01/01/20", "10:00:00", "x"], ["-ts", "checkpoint"],
]

# Command lines that both refuse, ours in clearer words.
MISUSE_IN_OTHER_WORDS = [
    [name, "foo"] for name in ("-f", "-p", "-s", "-tm", "-u", "-x", "--comm", "-n", "-r", "-k",
                               "--file", "--pid", "--key")]

# Reports that show the same field. aureport asks each record for it, and drops the events that have
# a record without.
_HOST = r"--(auth|login|mods|host|terminal|user|executable|comm|anomaly)\b|summary"
_TERMINAL = r"--(auth|login|mods|terminal|tty|user|executable|comm|anomaly)\b|summary"

# Events with such a record are taken out of the log where subject_of() finds one of the options; ""
# is in all. The reasons are those of query/README.md.
DEVIATIONS = [
    Deviation("AVC records without tclass= are lost", "", rb"type=AVC (?!.*tclass=)"),
    Deviation("records two seconds apart in the log are torn", "", rb"audit\(1481076984\.827:17\)"),
    Deviation("records that come late for what is searched are torn", r"-ts",
              rb"audit\(1481077231\.371:479\)"),
    Deviation("malformed records are accepted", "",
              rb"audit\(1490239800\.477:34\) |audit\(\d+(\.\d+)?\):|^type= "),
    Deviation("a SYSCALL record without arguments hides the event", "",
              rb"type=SYSCALL (?!.*\ba0=)"),
    Deviation("a NETFILTER_CFG record without pid= hides the event", "",
              rb"type=NETFILTER_CFG (?!.* pid=)"),
    Deviation("msg=' without its other quote hides the event", "", rb"msg='[^']*$"),
    Deviation("a message that ends with its terminal hides the event", _TERMINAL,
              rb"terminal=[^ )\x1d]*'(\x1d|$|[A-Z]+=)"),
    Deviation("a host's name goes to the next comma, wherever that is", _HOST,
              rb"hostname=[^ ,]* [^\x1d]*,"),
    Deviation("names behind a record whose separator is lost are not known", r" -i\b",
              rb"^[^\x1d]*[^\x1dA-Z-](ARCH|AUID|UID)="),
    Deviation("the call of a SECCOMP record is what auditd makes of it", r" -i\b",
              rb"type=SECCOMP .*SYSCALL=unknown-syscall"),
    Deviation("a call of an unknown architecture is in no summary, but memory is",
              r"--syscall -i\b", rb"type=SYSCALL .*arch=c000ffff"),
    Deviation("types that libaudit does not know have no name", r"--(event|crypto)\b",
              rb"type=(UNKNOWN\[1[46]\d\d\]|SHORTDATE|NOMSG|UNDER_SCORE)"),
    Deviation("hex digits and a quote are decoded", r"--key\b|summary", rb"key=[0-9A-F]+\""),
    Deviation("the key of an URINGOP record is not read", r"--key\b|summary", rb"type=URINGOP "),
    Deviation("auid=? and pid=? are 0", r"--(event|pid|user)\b|summary", rb"[ap]u?id=\?"),
    Deviation("the uid of auditd is not found before its pid", r"--user\b",
              rb"type=DAEMON_\w+ .* uid=.* pid="),
    Deviation("the pid of an INTEGRITY_RULE record is its ppid", r"--pid\b|summary",
              rb"type=INTEGRITY_RULE .*ppid="),
]


def subject_of(options):
    """What decides which fields are read: the last name of the report, "summary" if none is named;
    whether numbers are looked up; whether there is a start or an end."""
    named = [names[-1] for names in REPORTS if any(name in options for name in names)]
    return " ".join([
        *(named or ["summary"]),
        *(["-i"] if "-i" in options or "--interpret" in options else []),
        *(["-ts"] if any(option in options for option in ("-ts", "-te", "--start", "--end"))
          else [])])


def deviations_of(options):
    """Those that count for a command line."""
    subject = subject_of(options)
    return tuple(
        deviation for deviation in DEVIATIONS if re.search(deviation.options, subject))


def _forms():
    """Every report in every form. The long name takes turns with the short one."""
    return [form.format(names[(form_number + number) % len(names)])
            for form_number, form in enumerate(FORMS)
            for number, names in enumerate(REPORTS)
            if names[-1] not in WITHOUT_SUMMARY and names[0] not in WITHOUT_SUMMARY
            or "--summary" not in form]


def command_lines(records):
    """The options of each comparison for a log."""
    values = golden.values_of(records)
    forms = _forms()
    # Not all of them on each log, but all on some: which ones, depends on the log.
    turn = len(records)
    templates = [*forms[turn % 2::2], "", *[line for line in COMBINATIONS if line][turn % 3::3]]
    for number, template in enumerate(filter(None, FILTERS)):
        # Neighbours are other reports: 7 has no factor in common with how many there are.
        form = forms[(number * 7 + turn) % len(forms)]
        templates.append(template.replace("{report}", form if (number + turn) % 3 else ""))
    lines = []
    for template in templates:
        for words in golden.fill(template, values):
            if words not in lines:
                lines.append(words)
    return lines
