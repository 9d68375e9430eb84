"""The language of test_faults.py: a disk that fails when it is told to (io_faults.cc), and clients
that keep a ledger of what was acknowledged to them."""

import dataclasses
import errno
import itertools
import mmap
import os
import struct

import auspex
from auspex import ACK, ENDING, Frame, unique_record

LIBRARY = auspex.BIN / "tests" / "io_faults.so"

# As in io_faults.cc, in its order.
KINDS = "write sync range_sync rename unlink truncate allocate create make_directory".split()
FILES = "log table manifest current options identity temporary format lock directory other".split()
MODES = ["nothing", "fail", "tear", "shorten", "hang"]
ANY = NONE = -1
FOREVER = 2**40

# mode, error, kind, file, first, count, again, matched, failed; then the counts.
_SPECIFICATION = struct.Struct("=9q")
_COUNTS = struct.Struct(f"={len(KINDS) * len(FILES)}q")


@dataclasses.dataclass(frozen=True)
class Fault:
    """Which operations fail, and how. Numbers are from 0, among those that match."""

    kind: str = "any"
    file: str = "any"
    first: int = 0
    count: int = 1
    again: int = NONE
    mode: str = "fail"
    error: int = errno.EIO

    def __str__(self):
        until = {1: "", FOREVER: " and all behind it"}.get(self.count, f" and {self.count} in all")
        again = "" if self.again == NONE else f" and {self.again}"
        error = "" if self.mode == "shorten" else f" with {errno.errorcode[self.error]}"
        return f"{self.mode} {self.kind} of {self.file}, number {self.first}{until}{again}{error}"


class FaultyDisk:
    """What a server meets below a directory."""

    def __init__(self, control_file, directory):
        self.environment = {
            "LD_PRELOAD": str(LIBRARY),
            "AUSPEX_TEST_FAULTS": str(control_file),
            "AUSPEX_TEST_FAULTS_BELOW": str(directory),
            # A sanitizer wants to be the first library, which it need not be.
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0",
        }
        size = _SPECIFICATION.size + _COUNTS.size
        control_file.write_bytes(bytes(size))
        with open(control_file, "r+b") as opened:
            self._control = mmap.mmap(opened.fileno(), size)

    def break_at(self, fault):
        """From now on operations are numbered, and some fail."""
        self.mend()
        kind = ANY if fault.kind == "any" else KINDS.index(fault.kind)
        file = ANY if fault.file == "any" else FILES.index(fault.file)
        self._set(0, fault.error, kind, file, fault.first, fault.count, fault.again, 0, 0)
        self._control[:8] = struct.pack("=q", MODES.index(fault.mode))

    def mend(self):
        self._control[:8] = bytes(8)

    def count_from_here(self):
        """Numbers operations, and lets none fail."""
        self.break_at(Fault(first=FOREVER))

    @property
    def matched(self):
        return self._get()[7]

    @property
    def failed(self):
        return self._get()[8]

    def counts(self):
        """How often each (kind, file) was since the start of the test."""
        counts = _COUNTS.unpack_from(self._control, _SPECIFICATION.size)
        places = itertools.product(KINDS, FILES)
        return {place: count for place, count in zip(places, counts) if count}

    def _set(self, *values):
        _SPECIFICATION.pack_into(self._control, 0, *values)

    def _get(self):
        return _SPECIFICATION.unpack_from(self._control, 0)


class Sender:
    """A stop-and-wait client with a host of its own: it sends a record until that is acknowledged,
    as the stock client does. Its ledger is the number of records that were."""

    def __init__(self, number, record_bytes):
        self.host = auspex.unique_address()
        self.number = number
        self.acked = 0
        self.tried = 0
        self._record_bytes = record_bytes
        self._client = None
        self._sequence = 0

    def record(self, index):
        return unique_record(f"sender {self.number}", self._record_bytes, serial=index + 1)

    def try_to_deliver(self, server):
        """Sends the record that is due once. True if it was acknowledged."""
        self.tried = self.acked + 1
        try:
            if self._client is None:
                self._client = auspex.ManagedClient(server, self.host)
            self._client.sequence = self._sequence
            sequence = self._client.send(self.record(self.acked))
            reply = self._client.receive()
        except ConnectionError:
            sequence, reply = None, None
        if reply == Frame(ACK, sequence):
            self._sequence = sequence
            self.acked += 1
            return True
        if reply is not None and reply.type == ENDING:
            self._sequence = sequence  # As the stock client: the same record, the next sequence.
        elif reply is not None:
            raise AssertionError(f"{self.host}: {reply} for {sequence}")
        self.hang_up()
        return False

    def hang_up(self):
        if self._client is not None:
            self._client.socket.close()
            self._client = None


def index_of(record):
    """Of a sender's record: which of its own it is."""
    return auspex.stamp(record)[1] - 1


class Load:
    """Senders that take turns: what reaches the disk, and when, is about the same each time."""

    def __init__(self, senders=4, record_bytes=276):
        self.senders = [Sender(number, record_bytes) for number in range(senders)]

    def try_once(self, server):
        """Each tries to deliver one record. How many could."""
        return sum([sender.try_to_deliver(server) for sender in self.senders])

    def deliver(self, server):
        """Each delivers one record, however long that takes."""
        for sender in self.senders:
            auspex.wait_for(
                lambda sender=sender: not server.running() or sender.try_to_deliver(server),
                "a record to be acknowledged",
            )

    def hang_up(self):
        for sender in self.senders:
            sender.hang_up()
