"""`make reality`: every test on real machines, and what ran where on to docs/reality.md."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.reality import page

MARKS = {page.CONTAINER: "not vm", page.VM: "vm"}


def main(machines: str, options: list[str]) -> int:
    """Pytest's exit code; the page is written where something ran."""
    with tempfile.TemporaryDirectory() as directory:
        results = Path(directory, "results.xml")
        # Properties of tests, which the page shows, belong to the older form of the file.
        words = ["-q", "tests/reality", "-m", MARKS[machines], "-o", "junit_family=xunit1"]
        command = [sys.executable, "-m", "pytest", *words, "--dist=worksteal"]
        begun = time.monotonic()
        code = subprocess.run([*command, f"--junitxml={results}", *options], check=False).returncode
        if results.exists():
            some = any(option.startswith(("-k", "tests/")) for option in options)
            cost = "" if some else _cost(time.monotonic() - begun)
            page.write(machines, cost, results.read_text())
    return code


def _cost(seconds: float) -> str:
    """How long it took, and what tells how long it would take where nothing else runs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (
        f"{seconds / 60:.1f} minutes on {os.cpu_count()} processors, of which it used "
        f"{(used.ru_utime + used.ru_stime) / 60:.1f} minutes (load average at its end: "
        f"{os.getloadavg()[1]:.1f})"
    )


if __name__ == "__main__":
    if sys.argv[1:2] not in ([kind] for kind in MARKS):
        sys.exit(f"make reality MACHINES={'|'.join(MARKS)}")
    sys.exit(main(sys.argv[1], sys.argv[2:]))
