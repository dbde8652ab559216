"""Memory that is freed between steps is used again."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource
import sys

import torch
from torch import nn

from clickprompt.training import score

if sys.argv[1] == "kept":
    score(nn.Linear(1, 1), [], 0, torch.device("cpu"))
for _ in range(3):
    torch.ones(64, 1 << 18)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(64, 1 << 18)  # 64 MB: 16,384 pages
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="speaks to glibc")
def test_large_tensors_are_not_mapped_anew():
    faults = {}
    for how in ("kept", "as ever"):
        done = subprocess.run([sys.executable, "-c", SCRIPT, how], capture_output=True, text=True, check=True)
        faults[how] = int(done.stdout)
    if faults["as ever"] < 10_000:
        pytest.skip("this machine keeps memory by itself")
    assert faults["kept"] < faults["as ever"] / 10
