"""What systemd is to a service that it has started: a socket on which it hears how that is."""

import os
import queue
import socket
import threading
import time

import auspex

ALIVE = "WATCHDOG=1"


class Supervisor:
    def __init__(self, directory):
        self.path = directory / "notify.sock"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(os.fspath(self.path))
        self._heard = queue.SimpleQueue()
        self._alive_at = 0
        threading.Thread(target=self._hear, daemon=True).start()

    def environment(self, watchdog_s=None):
        """Of the service. With `watchdog_s` it has to show that it is alive."""
        environment = {"NOTIFY_SOCKET": str(self.path)}
        if watchdog_s is not None:
            environment["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))
        return environment

    def next(self):
        return self._heard.get(timeout=auspex.PATIENCE_S)

    def next_but(self, *ignored):
        """The next thing that it says and that is none of these."""
        while True:
            said = self.next()
            if said not in ignored:
                return said

    def wait_for(self, beginning):
        """The next thing that it says and that begins so."""
        while True:
            said = self.next()
            if said.startswith(beginning):
                return said

    def wait_expired(self, watchdog_s):
        """Waits until it has not shown for so long that it is alive: systemd would end it."""
        self.wait_for(ALIVE)
        auspex.wait_for(
            lambda: time.monotonic() - self._alive_at > watchdog_s, "the watchdog to expire"
        )

    def close(self):
        self._socket.close()

    def _hear(self):
        try:
            while True:
                for line in self._socket.recv(4096).decode().splitlines():
                    if line == ALIVE:
                        self._alive_at = time.monotonic()
                    self._heard.put(line)
        except OSError:
            pass  # Closed.
