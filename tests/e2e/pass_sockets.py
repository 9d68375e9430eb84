"""Runs a program as systemd does that is passed sockets: from descriptor 3 on, with what
sd_listen_fds(3) reads in the environment, and as another user, if one is named.

    pass_sockets.py [--uid UID] DESCRIPTOR:NAME... -- PROGRAM ARGUMENT...
"""

import fcntl
import os
import sys

import auspex


def main():
    arguments = sys.argv[1:]
    if arguments[0] == "--uid":
        uid = int(arguments[1])
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        auspex.die_with_parent()  # Who becomes another user has forgotten it.
        arguments = arguments[2:]
    end = arguments.index("--")
    sockets = [argument.split(":", 1) for argument in arguments[:end]]
    # Out of the way of each other first.
    safe = [fcntl.fcntl(int(number), fcntl.F_DUPFD_CLOEXEC, 100) for number, _ in sockets]
    for place, number in enumerate(safe, 3):
        os.dup2(number, place)
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ["LISTEN_FDS"] = str(len(sockets))
    os.environ["LISTEN_FDNAMES"] = ":".join(name for _, name in sockets)
    program = arguments[end + 1 :]
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
