"""A serving process as its supervisor sees it. Imports nothing slow."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

PROCESS = "clickprompt.serving.process"
"""Module that serves."""
READY = b"+"
"""Said by a serving process that answers requests."""
RETIRE = b"r"
"""Said to a serving process that another follows."""


class ServingProcess:
    """A serving process and the leash that it is held by: when the leash ends, it stops."""

    def __init__(self, launch: str, listener: socket.socket) -> None:
        self.leash, other = socket.socketpair()
        command = [sys.executable, "-m", PROCESS, launch, str(listener.fileno())]
        with other:
            passed = (listener.fileno(), other.fileno())
            # in a session of its own, so that a terminal's signals reach the supervisor alone
            self.popen = subprocess.Popen([*command, str(other.fileno())], pass_fds=passed, start_new_session=True)
        self.started = time.monotonic()
        self.ready = False
        self.kill_at: float | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.popen.pid

    def stop(self, within: float) -> None:
        """Let it finish what it answers, for so many seconds."""
        self.kill_at = time.monotonic() + within
        if self.ready:
            self.popen.terminate()
        else:
            self.kill()

    def retire(self, within: float) -> None:
        """The same, and leave new connections to another."""
        self.kill_at = time.monotonic() + within
        with contextlib.suppress(OSError):  # it has ended by itself
            self.leash.sendall(RETIRE)

    def kill(self) -> None:
        """End it now, and whatever it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says so of a group that has ended
            os.killpg(self.pid, signal.SIGKILL)
