"""`make reality`: every test on real machines, and what ran where on to docs/reality.md."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.reality import page

MARKS = {page.CONTAINER: "not vm", page.VM: "vm"}


def main(machines: str, options: list[str]) -> int:
    """Pytest's exit code; the page is written where something ran."""
    with tempfile.TemporaryDirectory() as directory:
        results = Path(directory, "results.xml")
        words = ["-q", "tests/reality", "-m", MARKS[machines], "-o", "junit_family=xunit1"]
        command = [
            sys.executable,
            "-m",
            "pytest",
            *words,
            "--dist=worksteal",
            f"--junitxml={results}",
            *options,
        ]
        code = subprocess.run(command, check=False).returncode
        if results.exists():
            page.write(machines, results.read_text())
    return code


if __name__ == "__main__":
    if sys.argv[1:2] not in ([kind] for kind in MARKS):
        sys.exit(f"make reality MACHINES={'|'.join(MARKS)}")
    sys.exit(main(sys.argv[1], sys.argv[2:]))
