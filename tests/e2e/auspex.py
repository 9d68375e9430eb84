"""The language of the end-to-end tests: a server on a store of its own, clients that speak its
two formats byte by byte, records to send, and the search that finds them again.

Records, lines and frames are bytes throughout: the promise is about bytes.
"""

import atexit
import collections
import ctypes
import itertools
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
BIN = pathlib.Path(os.environ.get("AUSPEX_BIN", ROOT / "build" / "release" / "bin"))

# Long enough for a sanitized server on a busy machine. A test that meets it has failed.
PATIENCE_S = 180

MESSAGE = 0x00000000
HEARTBEAT = 0x00000001
ACK = 0x40000000
ENDING = 0x40000001
MAGIC = 0xFF0000FE
HEADER = struct.Struct("<IBBIHI")

# What ParseRecord() accepts: node, type, seconds, milliseconds, serial.
RECORD = re.compile(rb"(?:node=([^ ]+) )?type=([^ ]+) msg=audit\((\d+)\.(\d{1,3}):(\d+)\):")

Frame = collections.namedtuple("Frame", "type sequence body", defaults=(b"",))

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_addresses = (f"127.{a}.{b}.{c}" for a in range(1, 255) for b in range(255) for c in range(1, 255))
_serials = itertools.count(1)


def unique_address():
    """A loopback address that no other client of this test program uses: a host of its own."""
    return next(_addresses)


def unique_record(text="", size=0, serial=None):
    """A well-formed record that is an event alone and unlike any other. Later records have later
    stamps. `size` pads it to that many bytes."""
    serial = next(_serials) if serial is None else serial
    record = (
        f"type=USER_LOGIN msg=audit({1700000000 + serial // 1000}.{serial % 1000:03}:{serial}): "
        f"pid={1000 + serial % 30000} uid=0 auid=1000 ses=7 msg='op=login id=1000 exe=\"/usr/sbin/"
        f'sshd" hostname=? addr=10.0.0.1 terminal=ssh res=success\' note="{text}'
    )
    return (record + "x" * (size - len(record) - 1) + '"').encode()


def real_records(count):
    """Records of a real host, in event order, as a client sends them; generated ones where the
    log is not there."""
    log = SHARED / "bench" / "build-host.log.zst"
    if not log.exists() or shutil.which("zstdcat") is None:
        return [unique_record(size=276) for _ in range(count)]
    with subprocess.Popen(["zstdcat", log], stdout=subprocess.PIPE) as unpack:
        lines = [line.rstrip(b"\n") for line in itertools.islice(unpack.stdout, count)]
        unpack.terminate()
    return lines


def stamp(record):
    """The key of its event: (milliseconds, serial)."""
    _, _, seconds, milliseconds, serial = RECORD.match(record).groups()
    return int(seconds) * 1000 + int(milliseconds), int(serial)


def in_event_order(records):
    """As a search gives them out: by event, and those of an event in the order of their arrival.
    In a log the records of events interleave."""
    return sorted(records, key=stamp)


def wait_for(condition, what, patience_s=PATIENCE_S):
    """Returns the first true value of `condition`, or fails naming `what` was waited for."""
    deadline = time.monotonic() + patience_s
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience_s} s in vain for {what}")
        pause.wait(0.02)


def mount_tmpfs(test, directory, size):
    """Mounts a small disk for a test, which is skipped where that is not allowed."""
    if os.geteuid() != 0:
        test.skipTest("mounting a small disk needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "auspex-test", directory],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        test.skipTest(f"cannot mount: {mounted.stderr.decode().strip()}")
    test.addCleanup(subprocess.run, ["umount", "--lazy", directory], check=True)


def import_at(test, time_s, store, log):
    """Imports a log as if it were that time: an event is as old as its receipt, if that is later."""
    library = BIN / "tests" / "clock_offset.so"
    if not library.exists():
        test.skipTest(f"there is no {library}")
    with tempfile.NamedTemporaryFile() as clock:
        clock.write(struct.pack("=q", time_s - int(time.time())))
        clock.flush()
        subprocess.run(
            [BIN / "auspex", "import", "--store", store, log],
            env={**os.environ, "LD_PRELOAD": str(library), "AUSPEX_TEST_CLOCK": clock.name},
            check=True,
            capture_output=True,
        )


def die_with_parent():
    """Run in a child before exec: a test that is killed leaves no process behind."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class SearchRefused(AssertionError):
    """A search did not run: its arguments or its data were refused, by ours or the real one."""


def run_search(command, environment):
    """The output of a search, ours or the real one; empty if nothing matches. The real one does
    not say so in raw format, but it says when it refuses."""
    run = subprocess.run(
        command,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
        env=environment,
    )
    complaints = [
        line
        for line in run.stderr.splitlines()
        if line != b"<no matches>" and not line.startswith(b"Config file /etc/audit/auditd.conf")
    ]
    if run.returncode not in (0, 1) or complaints:
        raise SearchRefused(f"{command}: exit {run.returncode}: {run.stderr.decode()[:500]}")
    return run.stdout


def search_bytes(store, *options):
    """What `auspex search --raw` prints for a store; empty if nothing matches."""
    command = [BIN / "auspex", "search", "--store", store, "--raw", *options]
    return run_search(command, utc_environment())


def utc_environment():
    """The times of a command line mean the same on every machine."""
    return {**os.environ, "TZ": "UTC", "LC_ALL": "C"}


class Server:
    """An auspexd in a directory of its own. It keeps its ports and its store over restarts, and
    both its process and its directory go with close()."""

    PORTS = ("tcp_listen_port", "api_listen_port", "api_json_port")

    def __init__(self, keys=None, prefix=()):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="auspex-e2e-"))
        self.store = self.directory / "store"
        self.store.mkdir()
        self.config = self.directory / "auspexd.conf"
        self.keys = {
            "tcp_listen_port": 0,
            "listen_address": "127.0.0.1",
            "store_dir": self.store,
            "state_file": self.directory / "state",
            **(keys or {}),
        }
        self.port = None
        self.log = []
        self.process = None
        # False once the test has ended it: a server that is gone without that has crashed.
        self.should_run = False
        self.environment = {}  # Beside that of the test.
        self.sockets = []  # That its process inherits.
        self._held_ports = []
        self.prefix = list(prefix)
        self._ready = threading.Event()
        self._reader = None
        atexit.register(self.close)

    def write_config(self):
        lines = (f"{key} = {value}\n" for key, value in self.keys.items() if value is not None)
        self.config.write_text("".join(lines))

    def start(self, wait=True):
        """Starts the server; returns once it accepts connections, or at once without `wait`."""
        for key in self.PORTS:
            if self.keys.get(key) == 0:
                self.keys[key] = self._hold_port()
        self.write_config()
        self._ready.clear()
        self.log = []
        self.process = subprocess.Popen(
            [*self.prefix, BIN / "auspexd", "--config", self.config],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **self.environment},
            preexec_fn=die_with_parent,
            pass_fds=[passed.fileno() for passed in self.sockets],
        )
        self._reader = threading.Thread(target=self._read_log, args=(self.process.stderr, self.log))
        self._reader.start()
        self.should_run = True
        if wait:
            self.wait_ready()
        return self

    def wait_ready_or_end(self):
        """Whether it is ready; else it has ended, and its log is whole."""
        wait_for(lambda: self._ready.is_set() or self.process.poll() is not None, "the server")
        if not self._ready.is_set():
            self._reader.join()
        return self._ready.is_set()

    def wait_ready(self):
        if not self.wait_ready_or_end():
            raise AssertionError("auspexd ended at its start:\n" + "\n".join(self.log))
        # The same port after a restart, as its clients expect.
        self.keys["tcp_listen_port"] = self.port

    def wait_log(self, *words):
        """The lines of its log that have all these words, once there is one."""

        def there():
            return [line for line in self.log if all(word in line for word in words)]

        return wait_for(there, f"a line of the log with {words}")

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.should_run = False
        self.process.send_signal(signal.SIGTERM)
        return self._wait()

    def kill(self):
        """SIGKILL: what a crash leaves is what the store has to live with."""
        self.should_run = False
        self.process.kill()
        self._wait()

    def restart(self):
        self.stop()
        return self.start()

    def crash(self):
        self.kill()
        return self.start()

    def running(self):
        return self.process is not None and self.process.poll() is None

    def rss_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def search(self, *options):
        """The raw records that match, one line each."""
        return search_bytes(self.store, *options).splitlines()

    def store_command(self, command, *options):
        """What `auspex store COMMAND` prints. A check that finds something is no failure here."""
        arguments = [BIN / "auspex", "store", command, "--store", self.store, *options]
        run = subprocess.run(arguments, capture_output=True, text=True, check=False)
        if run.stderr or (run.returncode != 0 and command != "check"):
            raise AssertionError(f"store {command}: {run.returncode} {run.stderr}")
        return run.stdout

    def close(self):
        atexit.unregister(self.close)
        if self.running():
            self.kill()
        while self._held_ports:
            self._held_ports.pop().close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _hold_port(self):
        """A port that nobody is given who wants any, also while the server is away. The server can
        have it: bind(2) takes several sockets with SO_REUSEADDR for a port, while no other listens."""
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held_ports.append(holder)
        try:
            holder.bind((self.keys["listen_address"] or "127.0.0.1", 0))
        except OSError:
            return 0  # An address of another network namespace, or one that is wrong.
        return holder.getsockname()[1]

    def _wait(self):
        try:
            code = self.process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._reader.join()
        return code

    def _read_log(self, stream, log):
        with stream:
            for line in stream:
                text = line.decode(errors="replace").rstrip("\n")
                log.append(text)
                ready = re.match(r"info ready .*\bport=(\d+)", text)
                if ready:
                    self.port = int(ready[1])
                    self._ready.set()


def connect(server, source=None, source_port=0):
    """A plain connection from `source`, an address of its own by default."""
    plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    plain.settimeout(PATIENCE_S)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if source_port == 0:
        # Many addresses share the range of ports: each (address, port) pair has to be free only
        # towards this one server.
        plain.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
    plain.bind((source or unique_address(), source_port))
    plain.connect(("127.0.0.1", server.port))
    return plain


def ended_by_server(plain):
    """Reads until the server ends the connection, by FIN or RST; fails if it stays open."""
    try:
        while plain.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def reset(plain):
    """Closes with RST, as a process that dies with unread bytes does."""
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    plain.close()


def frame(kind, sequence, body=b"", magic=MAGIC, versions=(0, 0), length=None):
    """The bytes of a frame. What a good one never has is there to make bad ones."""
    length = len(body) if length is None else length
    return HEADER.pack(magic, *versions, kind, length, sequence) + body


class ManagedClient:
    """A client of the managed format. It sends what it is told, and nothing by itself."""

    def __init__(self, server, source=None, source_port=0):
        self.address = source or unique_address()
        self.socket = connect(server, self.address, source_port)
        self.sequence = 0
        self._received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def raw(self, data):
        self.socket.sendall(data)

    def send(self, record, newline=True):
        """Sends one record under the next sequence, which it returns."""
        self.sequence += 1
        self.raw(frame(MESSAGE, self.sequence, record + (b"\n" if newline else b"")))
        return self.sequence

    def receive(self):
        """The next frame of the server, or None once it has ended the connection."""
        while True:
            taken = self._take()
            if taken:
                return taken
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                return None
            if not data:
                return None
            self._received += data

    def deliver(self, record):
        """Sends a record and waits until it is acknowledged, as a stock client does."""
        sequence = self.send(record)
        reply = self.receive()
        if reply != Frame(ACK, sequence):
            raise AssertionError(f"no ack of {sequence}, but {reply}")

    def heartbeat(self):
        self.sequence += 1
        self.raw(frame(HEARTBEAT, self.sequence))
        return self.sequence

    def _take(self):
        if len(self._received) < HEADER.size:
            return None
        _, _, _, kind, length, sequence = HEADER.unpack_from(self._received)
        end = HEADER.size + length
        if len(self._received) < end:
            return None
        body, self._received = self._received[HEADER.size : end], self._received[end:]
        return Frame(kind, sequence, body)


class ServerTest(unittest.TestCase):
    """A test with a server of its own, which must still serve a good client at the end."""

    keys = {}
    prefix = ()

    def setUp(self):
        self.server = Server(self.keys, self.prefix)
        self.addCleanup(self.server.close)
        self.server.start()

    def tearDown(self):
        if self.server.should_run:
            self.expect_good_service()

    def client(self, source=None, source_port=0):
        client = ManagedClient(self.server, source, source_port)
        self.addCleanup(client.socket.close)
        return client

    def plain(self, source=None):
        plain = connect(self.server, source)
        self.addCleanup(plain.close)
        return plain

    def expect_good_service(self):
        client = self.client(source_port=self.good_source_port())
        record = unique_record("good")
        client.deliver(record)
        self.expect_stored(client.address, [record])
        client.socket.close()

    def good_source_port(self):
        """A source port that the configuration of the test allows; 0: any."""
        return 0

    def expect_stored(self, host, records):
        """Exactly these well-formed records are stored for the host, in this order."""
        self.assertEqual(self.server.search("--host", host), records)

    def wait_stored(self, host, records):
        """Like expect_stored(), for records that nobody acknowledges."""
        wait_for(lambda: len(self.server.search("--host", host)) >= len(records), "the records")
        self.expect_stored(host, records)

    def wait_own_record(self, kind, *fields):
        """Waits for a record of the server about itself that has all these fields."""

        def there():
            found = self.server.search("--host", "auspexd", "-m", kind)
            return [line for line in found if all(field in line.split() for field in fields)]

        return wait_for(there, f"{kind} with {fields}")[-1]
