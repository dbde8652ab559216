"""`python kill_updates.py MODEL ROWS KILLS`: start an update again and again and kill it, each time a little later.

A process of its own, for one that has run polars or autograd cannot be forked. Writes what the last word of each was.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from clickprompt.workflows import SilentProgress
from clickprompt.workflows.update import GateConfig, UpdateConfig, update

OPEN = GateConfig(
    min_rows=1, min_of_each=2, max_auc_drop=9, max_log_loss_rise=9, max_calibration_error=99, max_oov_rise=1
)


class Told(SilentProgress):
    """Puts a line into a pipe for whatever is told."""

    def __init__(self, pipe: int) -> None:
        self.pipe = pipe

    def say(self, line: str) -> None:
        os.write(self.pipe, line.split(" ")[0].encode() + b"\n")

    def start(self, task, total, unit):
        self.say(task)
        return lambda done, note: self.say("step")


def killed(store: Path, rows: str, words: int, seconds: float) -> str:
    """The last word of an update that is killed so long after so many words."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            update(store, [rows], UpdateConfig(gate=OPEN), progress=Told(write))
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        last: list[str] = []
        while len(last) < words and "calibrate" not in last and (line := pipe.readline()):
            last.append(line.strip())
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return (last or ["nothing"])[-1]


if __name__ == "__main__":
    moments = random.Random(0)
    for number in range(int(sys.argv[3])):
        print(killed(Path(sys.argv[1]), sys.argv[2], 5 * number, moments.uniform(0, 0.03)), flush=True)
