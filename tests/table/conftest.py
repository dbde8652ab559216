"""What the tests of this folder share."""

import pytest

from clickprompt.table import DataConfig, prepare_table
from clickprompt.testing.tables import tiny_data_config, write_tiny_clicks


class Lines:
    """A progress that remembers what was said."""

    def __init__(self):
        self.said = []

    def start(self, task, total, unit):
        return lambda done, note: None

    def say(self, line):
        self.said.append(line)


@pytest.fixture
def progress():
    return Lines()


@pytest.fixture
def tiny(tmp_path):
    """The `data` section over a tiny click log, as a dict to change."""
    write_tiny_clicks(tmp_path)
    return tiny_data_config(tmp_path)


@pytest.fixture
def prepare(tmp_path, progress):
    """Prepare the `data` section of a recipe into a fresh folder."""

    def run(data, folder="prepared"):
        return prepare_table(DataConfig.model_validate(data), tmp_path / folder, progress)

    return run
