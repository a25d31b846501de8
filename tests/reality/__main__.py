"""`make reality`: every test on real machines, and what ran where on to docs/reality.md."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.reality import page


def main(options: list[str]) -> int:
    """Pytest's exit code; the page is written where something ran."""
    with tempfile.TemporaryDirectory() as directory:
        results = Path(directory, "results.xml")
        words = ["pytest", "-q", "tests/reality", "--dist", "worksteal", f"--junitxml={results}"]
        code = subprocess.run([sys.executable, "-m", *words, *options], check=False).returncode
        if results.exists():
            page.write(results.read_text())
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
