"""From the command line to a running server, in a few bytes that the supervisor hands to each serving process."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from pydantic import SecretStr, ValidationError

from clickprompt.serving.bearer_token import read_token
from clickprompt.serving.config import ServingConfig
from clickprompt.settings import ClickPromptError, explain

NEEDED = ("fastapi", "uvicorn", "httptools", "prometheus_client", "onnxruntime")


@dataclass(frozen=True)
class Launch:
    """A server to be started."""

    path: Path
    config: ServingConfig
    """Without its token, which no argument holds: every serving process reads it anew."""
    token_file: Path | None = None

    @property
    def text(self) -> str:
        """As JSON."""
        token_file = None if self.token_file is None else str(self.token_file)
        settings = self.config.model_dump(mode="json", exclude={"token"}, exclude_unset=True)
        return json.dumps({"path": str(self.path), "token_file": token_file, "config": settings})

    @classmethod
    def of_text(cls, text: str) -> Launch:
        """Read `text` again."""
        content = json.loads(text)
        token_file = content["token_file"]
        return cls(Path(content["path"]), ServingConfig(**content["config"]), token_file and Path(token_file))

    def with_token(self) -> ServingConfig:
        """The settings with the token. Raises ClickPromptError."""
        settings = self.config.model_dump(exclude={"token"}, exclude_unset=True)
        token = read_token(self.token_file, os.environ)
        return ServingConfig(**settings, token=None if token is None else SecretStr(token))


def check_packages() -> None:
    """Raises ClickPromptError where a package that serving needs is not installed."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ClickPromptError(f"serving needs {', '.join(missing)}; pip install 'clickprompt[serve]'")


def checked_launch(path: Path, token_file: Path | None, **settings: Any) -> Launch:
    """A server with these settings. Raises ClickPromptError for what is wrong with them."""
    if os.name != "posix":
        raise ClickPromptError("serving needs Linux or macOS: processes hand a socket over")
    if not path.is_dir():
        raise ClickPromptError(f"{path}: no such folder; name a bundle, or a folder of bundles")
    try:
        launch = Launch(path, ServingConfig(**settings), token_file)
    except ValidationError as error:
        raise explain(error, "serve", settings, "settings") from None
    launch.with_token()
    return launch


def report(launch: Launch) -> tuple[list[str], list[str]]:
    """Load everything as a server would: a line for each version that can be served, and why others cannot be.

    Raises ClickPromptError where nothing can be served.
    """
    from clickprompt.serving.repository import Repository

    repository = Repository(launch.path, launch.config)
    repository.load()
    lines = [
        f"{model.name} version {model.version}: {len(model.scorer.schema.fields)} fields, "
        f"loaded in {model.load_seconds:.1f} s"
        for model in repository.models()
    ]
    return lines, [fault.message for fault in repository.faults()]


def start(launch: Launch) -> NoReturn:
    """Become the supervisor of that server: this process goes on as `clickprompt.serving.supervisor`."""
    config = launch.config
    patience = config.drain_seconds + config.read_seconds + config.timeout_seconds + 5.0
    told = {"host": config.host, "port": config.port, "patience": patience, "level": config.log_level}
    sys.stdout.flush()
    os.execv(
        sys.executable,
        [sys.executable, "-m", "clickprompt.serving.supervisor", json.dumps(told), launch.text],
    )
