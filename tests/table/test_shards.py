"""Neither files, nor their order, nor threads show in a prepared folder: the same rows give the same bytes."""

import hashlib
import os
import subprocess
import sys

from clickprompt.testing.large_tables import write_large_table

ROWS = 30_000
PREPARE = """
import sys
from pathlib import Path
from clickprompt.table import DataConfig, prepare_table
from clickprompt.testing.large_tables import large_table_config

class Silent:
    start = lambda self, task, total, unit: lambda done, note=None: None
    say = lambda self, line: None

rows, folder = map(Path, sys.argv[1:])
prepare_table(DataConfig.model_validate(large_table_config(rows)), folder, Silent())
assert "torch" not in sys.modules
"""


def preparing(rows, folder, threads):
    """A process of its own with so many threads, for one that has used polars is never forked."""
    environment = {**os.environ, "POLARS_MAX_THREADS": str(threads)}
    return subprocess.Popen([sys.executable, "-c", PREPARE, rows, folder], env=environment)


def hashes(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_one_file_and_many_shuffled_shards_give_the_same_folder_in_time_order(tmp_path):
    write_large_table(tmp_path / "one", ROWS)
    write_large_table(tmp_path / "many", ROWS, files=37, shuffle=True)
    processes = [
        preparing(tmp_path / rows, tmp_path / f"{rows} prepared", threads)
        for rows, threads in (("one", 1), ("many", 2))
    ]
    assert [process.wait() for process in processes] == [0, 0]
    one, many = hashes(tmp_path / "one prepared"), hashes(tmp_path / "many prepared")
    assert one == many
    assert {"manifest.json", "vocabulary.arrow", "train.value_ids.npy"} <= one.keys()
