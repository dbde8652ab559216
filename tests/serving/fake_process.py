"""Stands in for a serving process under a real supervisor: does what the file named by its first argument says.

`serve` until told to end, `fail` at once, `crash` soon after it was ready, be `stubborn` when told to end, be the
`parent` of another process.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

told = Path(sys.argv[1]).read_text()
leash = socket.socket(fileno=int(sys.argv[3]))
if told == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with open(sys.argv[1] + ".log", "a") as log:
    log.write(f"{os.getpid()}\n")
if told == "parent":
    other = subprocess.Popen(["sleep", "60"])
    with open(sys.argv[1] + ".log", "a") as log:
        log.write(f"{other.pid}\n")
if told == "fail":
    sys.exit(3)
leash.sendall(b"+")
if told == "crash":
    sys.exit(1)
while leash.recv(1) and told == "stubborn":
    pass
time.sleep(10 if told == "stubborn" else 0)
