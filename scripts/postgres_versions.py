"""Run the suites of freeze, copy and comment on each PostgreSQL that is installed here.

What a version is called, and where it is: `tests/support/postgres_cluster.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.postgres_cluster import VERSION, installed

SUITES = (
    "tests/unit/reconciler/database",
    "tests/unit/deployer/provisioning/test_database_copy.py",
)


def main(options: list[str]) -> int:
    """The worst exit code of all versions."""
    worst = 0
    for version in installed():
        sys.stdout.write(f"== PostgreSQL {version}\n")
        sys.stdout.flush()
        words = [sys.executable, "-m", "pytest", "-q", *SUITES, *options]
        done = subprocess.run(words, env={**os.environ, VERSION: version}, check=False)
        worst = max(worst, done.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
