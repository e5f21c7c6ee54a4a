"""Memory that stays with the process: in a process of its own, as it cannot be undone."""

import json
import os
import subprocess
import sys

import pytest

_SCRIPT = """
import json, resource
import numpy as np
from glsmamba.kept_memory import keep_memory, return_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20

kept = keep_memory()
for _ in range(3):
    np.full(2**24, 1.0, np.float32)  # 64 MB
before = faults()
for _ in range(5):
    np.full(2**24, 1.0, np.float32)
found = faults() - before
held = resident()
return_memory()
print(json.dumps([kept, found, held - resident()]))
"""


pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the GNU C library")


def test_the_next_tensor_gets_the_memory_of_the_last_one_until_it_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"]:
        monkeypatch.delenv(name)
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    kept, faults, returned = json.loads(done.stdout)
    if not kept:
        pytest.skip("another C library")
    assert faults < 20  # fresh, five arrays of 64 MB have 80,000 pages, or 160 huge ones
    assert returned > 50  # MB


def test_what_the_environment_says_of_memory_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "131072")
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    _kept, faults, returned = json.loads(done.stdout)
    assert faults > 100
    assert returned < 50
