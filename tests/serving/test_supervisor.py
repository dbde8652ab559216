"""The process that owns the socket: what it does when serving processes come, go, fail and do not listen."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_thread import wait_until

from clickprompt.serving import child
from clickprompt.serving.supervisor import main

RUN = (
    "import sys; from clickprompt.serving import child, supervisor as s; child.PROCESS = 'fake_process'; s.SOON = 0.05;"
    "sys.exit(s.main('127.0.0.1', 0, 5.0, 'info', sys.argv[1]))"
)


class Supervised:
    """A supervisor in a process of its own, over stand-ins for serving processes."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.log = file.with_name(file.name + ".log")
        self.log.touch()
        self.popen: subprocess.Popen[bytes] | None = None

    def start(self, told: str) -> None:
        self.tell(told)
        with self.file.with_name("errors").open("wb") as errors:
            environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
            self.popen = subprocess.Popen([sys.executable, "-c", RUN, self.file], stderr=errors, env=environment)

    def tell(self, told: str) -> None:
        """What serving processes do that start from now on."""
        self.file.write_text(told)

    def signal(self, number: int) -> None:
        self.popen.send_signal(number)

    @property
    def started(self) -> list[int]:
        """Process ids of the serving processes, in order."""
        return [int(line) for line in self.log.read_text().splitlines()]

    @property
    def events(self) -> list[str]:
        lines = self.file.with_name("errors").read_text().splitlines()
        return [json.loads(line)["event"] for line in lines]


def lives(process_id: int) -> bool:
    """Whether it runs; what has ended and is not yet reaped does not."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def supervised(tmp_path) -> Iterator[Supervised]:
    made = Supervised(tmp_path / "told")
    yield made
    made.popen.kill()
    made.popen.wait()
    wait_until(lambda: not any(map(lives, made.started)), 15)


def test_where_the_first_process_cannot_start_its_status_is_passed_on(supervised):
    supervised.start("fail")
    assert supervised.popen.wait(20) == 3
    assert len(supervised.started) == 1


def test_a_new_process_that_fails_leaves_the_old_one_serving(supervised):
    supervised.start("serve")
    wait_until(lambda: supervised.started, 20)
    supervised.tell("fail")
    supervised.signal(signal.SIGHUP)
    wait_until(lambda: "the old one goes on" in " ".join(supervised.events), 20)
    assert lives(supervised.started[0])
    supervised.tell("serve")
    supervised.signal(signal.SIGHUP)
    wait_until(lambda: len(supervised.started) == 3 and not lives(supervised.started[0]), 20)
    assert lives(supervised.started[2])
    supervised.signal(signal.SIGTERM)
    assert supervised.popen.wait(20) == 0


def test_a_process_that_dies_is_started_again_ever_later(supervised):
    supervised.start("crash")
    wait_until(lambda: len(supervised.events) >= 3, 20)
    said = " ".join(supervised.events)
    assert said.index("in 0.05 s") < said.index("in 0.1 s") < said.index("in 0.2 s")
    supervised.tell("serve")
    wait_until(lambda: lives(supervised.started[-1]), 20)
    supervised.signal(signal.SIGTERM)
    assert supervised.popen.wait(20) == 0


def test_who_does_not_end_when_told_twice_is_killed(supervised):
    supervised.start("stubborn")
    wait_until(lambda: supervised.started, 20)
    supervised.signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        supervised.popen.wait(0.3)
    supervised.signal(signal.SIGINT)
    assert supervised.popen.wait(3) == 0


def test_when_the_supervisor_is_killed_its_process_ends(supervised):
    supervised.start("serve")
    wait_until(lambda: supervised.started, 20)
    supervised.popen.kill()
    wait_until(lambda: not lives(supervised.started[0]))


def test_a_process_that_has_ended_can_still_be_told_to_retire(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "PROCESS", "fake_process")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    (tmp_path / "told").write_text("fail")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = child.ServingProcess(str(tmp_path / "told"), listener)
    assert process.popen.wait(20) == 3
    process.retire(1.0)
    process.kill()
    process.leash.close()


def test_what_a_dead_process_has_started_ends_with_it(supervised):
    supervised.start("parent")
    wait_until(lambda: len(supervised.started) >= 2, 20)
    supervised.tell("serve")
    os.kill(supervised.started[0], signal.SIGKILL)
    wait_until(lambda: not lives(supervised.started[1]))
    wait_until(lambda: len(supervised.started) == 3, 20)


def test_a_port_in_use_is_one_line(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main("127.0.0.1", port, 1.0, "info", "") == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: cannot listen at 127.0.0.1, port {port}: ")
    assert said.count("\n") == 1
