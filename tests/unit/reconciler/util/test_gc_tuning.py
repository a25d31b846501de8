"""Threads share heaps where they are told to."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.util.gc_tuning import HEAPS

COUNT = """
import ctypes, sys, threading
from reconciler.util.gc_tuning import share_heaps
if sys.argv[2] == "shared":
    share_heaps()
ready = threading.Barrier(9)
def work():
    kept = [bytes(2000) for _ in range(100)]
    ready.wait()
    ready.wait()
for _ in range(8):
    threading.Thread(target=work).start()
ready.wait()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = libc.fopen(sys.argv[1].encode(), b"w")
libc.malloc_info(0, ctypes.c_void_p(file))
libc.fclose(ctypes.c_void_p(file))
ready.wait()
"""


def heaps(tmp_path: Path, how: str) -> int:
    """How many heaps eight threads have that work at once."""
    file = tmp_path / f"{how}.xml"
    subprocess.run([sys.executable, "-c", COUNT, str(file), how], check=True, timeout=60)
    return file.read_text().count("<heap nr=")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="not glibc")
def test_threads_share_heaps(tmp_path: Path) -> None:
    """Else each has one of its own, as far as glibc allows."""
    assert heaps(tmp_path, "shared") <= HEAPS
    assert heaps(tmp_path, "apart") > HEAPS
