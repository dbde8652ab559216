"""Settings of the server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field as Setting
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt, SecretStr

from clickprompt.precision import ScoringPrecision
from clickprompt.settings import Settings


class ServingConfig(Settings):
    """What `clickprompt serve` can be told."""

    host: str = "127.0.0.1"
    """Address to listen at; loopback unless told otherwise."""
    port: Annotated[int, Setting(ge=0, le=65535)] = 8000
    """Port to listen at; 0 takes a free one."""
    token: SecretStr | None = None
    """Requests must carry it as `Authorization: Bearer …`; health and metrics are open."""
    poll_seconds: PositiveFloat = 2.0
    """How often the folder is looked at for new versions."""
    keep_versions: PositiveInt = 2
    """Newest versions of each model that are served side by side; requests without a version get the newest."""
    max_body_bytes: PositiveInt = 8_000_000
    """Larger requests are refused with 413."""
    max_rows: PositiveInt = 10_000
    """Rows (candidates) of one request; more are refused with 413."""
    max_waiting: PositiveInt = 512
    """Requests that wait to be scored; beyond that new ones are refused with 503."""
    timeout_seconds: PositiveFloat = 5.0
    """A request that is not answered by then gets 504."""
    read_seconds: PositiveFloat = 5.0
    """Headers and body must have come by then, else the connection is closed."""
    keep_alive_seconds: PositiveFloat = 75.0
    """Connections without a request are closed by then; longer than proxies keep theirs, so that these close first."""
    max_connections: PositiveInt = 1000
    """Open connections; further ones are answered with 503 and closed."""
    max_header_bytes: PositiveInt = 32 << 10
    """Longer headers are refused with 431, longer addresses with 414."""
    drain_seconds: NonNegativeFloat = 2.0
    """After SIGTERM: answers go on while /v2/health/ready says no and connections are asked to close."""
    threads: PositiveInt | None = None
    """Threads that score; as many as cores unless set."""
    precision: ScoringPrecision = "auto"
    """Numbers that models which read words score with."""
    cache: Path | None = None
    """Where exported graphs are kept; the user's cache folder unless set."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe lines that are logged, each a JSON object on standard error."""
    access_log: bool = True
    """A line for each request."""
