"""The serving process: `python -m clickprompt.serving.process`, started by the supervisor."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import resource
import signal
import socket
import sys
from collections.abc import Callable

from uvicorn.loops.auto import auto_loop_factory

from clickprompt.freed_memory import reuse_freed_memory
from clickprompt.serving.app import create_app
from clickprompt.serving.child import READY, RETIRE
from clickprompt.serving.config import ServingConfig
from clickprompt.serving.engine import Engine
from clickprompt.serving.launch import Launch
from clickprompt.serving.logs import MORE, log_to_stderr
from clickprompt.serving.metrics import Metrics
from clickprompt.serving.repository import Repository
from clickprompt.serving.server import Server
from clickprompt.settings import ClickPromptError

logger = logging.getLogger("clickprompt.serving")


def main(launch: Launch, listener: socket.socket, leash: socket.socket) -> None:
    """Load, serve, and end when the supervisor says so or is gone.

    Raises ClickPromptError where nothing can be served.
    """
    config = launch.with_token()
    log_to_stderr(config.log_level)
    allow_connections(config.max_connections)
    reuse_freed_memory()  # a run of 128 rows makes tensors of a size that glibc would map anew each time
    metrics = Metrics()
    repository = Repository(launch.path, config, metrics.changed)
    logger.info("loading", extra={MORE: {"path": str(launch.path)}})
    repository.load()
    gc.collect()
    gc.freeze()  # what was loaded stays; looking through it again and again would make requests wait
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:  # uvloop's where there is one
        runner.run(_serve(repository, config, metrics, listener, leash))


async def _serve(
    repository: Repository, config: ServingConfig, metrics: Metrics, listener: socket.socket, leash: socket.socket
) -> None:
    engine = Engine(config, metrics.ran)

    def started() -> None:
        address = address_of(listener)
        models = [f"{model.name} {model.version}" for model in repository.models()]
        logger.info("ready", extra={MORE: {"address": address, "models": models}})
        print(f"serving {', '.join(models)} at {address}; Ctrl+C stops", flush=True)
        _warn_of_open_doors(config, listener)
        repository.watch()
        leash.sendall(READY)

    server = Server(create_app(repository, engine, config, metrics), started)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, server.stop)
    loop.add_reader(leash, _obey, leash, server, loop.remove_reader)
    await server.serve(sockets=[listener])
    repository.close()
    await engine.close()
    logger.info("stopped")


def _obey(leash: socket.socket, server: Server, deafen: Callable[[socket.socket], object]) -> None:
    """Do what the supervisor says; stop when it is gone."""
    word = leash.recv(1)
    if word == RETIRE:
        server.retire()
    else:
        server.stop()
    if not word:
        deafen(leash)


def _warn_of_open_doors(config: ServingConfig, listener: socket.socket) -> None:
    host = listener.getsockname()[0]
    if config.token is None and not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
        logger.warning("anyone who reaches this address can use the models; set a token", extra={MORE: {"host": host}})


def allow_connections(most: int) -> None:
    """Lift the limit of open files, as far as the system lets us, to hold that many connections."""
    wanted = most + 256
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )


def address_of(listener: socket.socket) -> str:
    """As a browser takes it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


if __name__ == "__main__":
    try:
        main(
            Launch.of_text(sys.argv[1]),
            socket.socket(fileno=int(sys.argv[2])),
            socket.socket(fileno=int(sys.argv[3])),
        )
    except (ClickPromptError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
