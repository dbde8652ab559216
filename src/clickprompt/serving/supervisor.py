"""The process that owns the listening socket: `python -m clickprompt.serving.supervisor`.

It starts the serving process on that socket and starts it again when it dies. SIGHUP starts a second one beside it and,
once that is ready, retires the first: both accept from the same socket meanwhile, so no connection is refused. SIGTERM
(or SIGINT) stops them, a second one at once. Nothing slow is imported here, so this process stays small and does not
need to be started again itself.
"""

from __future__ import annotations

import contextlib
import json
import logging
import selectors
import signal
import socket
import sys
import time

from clickprompt.serving.child import READY, ServingProcess
from clickprompt.serving.logs import MORE, log_to_stderr

logger = logging.getLogger("clickprompt.serving.supervisor")

SOON, LATE = 0.5, 30.0
"""Seconds until a process that died is started again: at first, and at most when it dies again and again."""
STEADY = 60.0
"""Seconds after which a process that dies is taken for a new trouble."""


class Supervisor:
    """Keeps one serving process alive on a socket.

    `patience` is how many seconds a process that was told to end may take.
    """

    def __init__(self, launch: str, listener: socket.socket, patience: float) -> None:
        self._launch = launch
        self._listener = listener
        self._patience = patience
        self._serving: ServingProcess | None = None
        self._next: ServingProcess | None = None
        self._ending: list[ServingProcess] = []
        self._stopping = False
        self._start_at: float | None = None
        self._delay = SOON
        self._served = False
        """Whether any process was ever ready."""
        self._selector = selectors.DefaultSelector()
        self._bell, ring = socket.socketpair()
        self._ring = ring

    def run(self) -> int:
        """Serve until told to stop; the exit status."""
        self._bell.setblocking(False)
        self._ring.setblocking(False)
        signal.set_wakeup_fd(self._ring.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._serving = self._start()
        while self._serving or self._next or self._ending or self._start_at is not None:
            for key, _ in self._selector.select(self._seconds_to_wait()):
                if key.fileobj is self._bell:
                    self._hear(self._bell.recv(4096))
                elif isinstance(process := key.data, ServingProcess):
                    self._listen(process)
            status = self._reap()
            if status is not None:
                return status
            self._look_at_clock()
        return 0

    def _start(self) -> ServingProcess:
        process = ServingProcess(self._launch, self._listener)
        self._selector.register(process.leash, selectors.EVENT_READ, process)
        return process

    def _hear(self, signals: bytes) -> None:
        for number in signals:
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stop()
            elif number == signal.SIGHUP and not self._stopping:
                logger.info("a new serving process is started")
                if self._next is not None:
                    self._end(self._next)
                self._next = self._start()

    def _listen(self, process: ServingProcess) -> None:
        try:
            word = process.leash.recv(1)
        except ConnectionError:
            word = b""
        if word != READY:
            self._selector.unregister(process.leash)
            return
        process.ready = self._served = True
        if process is self._next:
            old, self._serving, self._next = self._serving, process, None
            self._start_at = None
            if old is not None:
                old.retire(self._patience)
                self._ending.append(old)

    def _stop(self) -> None:
        if self._stopping:
            for process in self._ending:
                process.kill()
            return
        self._stopping, self._start_at = True, None
        for running in (self._serving, self._next):
            if running is not None:
                self._end(running)
        self._serving = self._next = None

    def _end(self, process: ServingProcess) -> None:
        process.stop(self._patience)
        self._ending.append(process)

    def _reap(self) -> int | None:
        """Notice processes that have ended; the status to exit with where the first one could not even start."""
        for process in [*self._ending]:
            if process.popen.poll() is not None:
                self._ending.remove(process)
                self._let_go(process)
        if self._next is not None and self._next.popen.poll() is not None:
            self._log_death(self._next, "the new serving process ended before it was ready; the old one goes on")
            self._let_go(self._next)
            self._next = None
        if self._serving is not None and (status := self._serving.popen.poll()) is not None:
            if not self._served:
                return status if status > 0 else 1
            self._log_death(self._serving, f"the serving process ended; started again in {self._delay:g} s")
            lived = time.monotonic() - self._serving.started
            self._delay = SOON if lived > STEADY else self._delay
            self._start_at = time.monotonic() + self._delay
            self._delay = min(2 * self._delay, LATE)
            self._let_go(self._serving)
            self._serving = None
        return None

    def _let_go(self, process: ServingProcess) -> None:
        """Of a process that has ended: nothing that it started goes on."""
        process.kill()
        with contextlib.suppress(KeyError):  # its leash's end may have been heard already
            self._selector.unregister(process.leash)
        process.leash.close()

    def _log_death(self, process: ServingProcess, event: str) -> None:
        logger.error(event, extra={MORE: {"pid": process.pid, "exit_status": process.popen.returncode}})

    def _look_at_clock(self) -> None:
        now = time.monotonic()
        if self._start_at is not None and now >= self._start_at:
            self._start_at = None
            self._serving = self._start()
        for process in self._ending:
            if process.kill_at is not None and now >= process.kill_at:
                process.kill()

    def _seconds_to_wait(self) -> float | None:
        times = [process.kill_at for process in self._ending] + [self._start_at]
        due = [moment for moment in times if moment is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket at this address, not listening yet: until models are loaded, connections are refused. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    listener.set_inheritable(True)
    return listener


def main(host: str, port: int, patience: float, level: str, launch: str) -> int:
    """Serve; the exit status."""
    try:
        listener = bound_socket(host, port)
    except OSError as error:
        reason = error.strerror or str(error)
        print(
            f"error: cannot listen at {host}, port {port}: {reason}; choose another --port or --host", file=sys.stderr
        )
        return 2
    log_to_stderr(level)
    return Supervisor(launch, listener, patience).run()


if __name__ == "__main__":
    arguments = json.loads(sys.argv[1])
    sys.exit(main(**arguments, launch=sys.argv[2]))
