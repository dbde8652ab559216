"""What a watched command took: its children count, and a failure is told in its own words."""

import sys

import pytest

CHILD = (
    "import time; held = bytearray(80_000_000); started = time.process_time()\nwhile time.process_time() < 0.4: pass"
)
PARENT = f"""
import json, subprocess, sys
print("a line before")
subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
print(json.dumps({{"rows": 3}}))
"""


@pytest.fixture
def watch(benchmark_module):
    return benchmark_module("watched").watch


def test_a_child_counts(watch):
    taken = watch([sys.executable, "-c", PARENT])
    assert taken.said == {"rows": 3}
    assert 80 < taken.anonymous_mb * 1.048576 < 130
    assert 0.3 < taken.cpu_seconds < 5
    assert taken.seconds > 0.4
    assert taken.cores_busy == taken.cpu_seconds / taken.seconds


def test_the_environment_is_added_to_and_a_failure_told(watch):
    code = "import os, sys; sys.exit(f\"{os.environ['SHARDS']} of {bool(os.environ['PATH'])}\")"
    assert watch([sys.executable, "-c", code], {"SHARDS": "37"}) == "37 of True"
