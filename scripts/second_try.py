"""Runs what was red in company once more, alone; what is green then is named, never forgotten.

Run by `make suite`, until ten of its runs in a row were green at first.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

RED = Path(".pytest_cache/v/cache/lastfailed")
"""Where pytest keeps the ids of the tests that are red; `make suite` begins without it."""

ALONE = ["--last-failed", "--last-failed-no-failures", "none", "-p", "no:randomly"]


def red() -> set[str]:
    """Ids of the tests that were red when they last ran."""
    return set(json.loads(RED.read_text(encoding="utf-8"))) if RED.exists() else set()


def main() -> int:
    """Try again; the exit code is 0 when each of them is green now."""
    first = red()
    if not first:
        return 1  # no test was red, but the run: there is nothing to try again
    print("red in company, once more alone:", *sorted(first), sep="\n  ", flush=True)
    done = subprocess.run([sys.executable, "-m", "pytest", *ALONE, *sys.argv[1:]], check=False)
    still = red()
    if hidden := sorted(first - still):
        print(f"HIDDEN by the second try, red at first and green alone ({len(hidden)}):")
        print(*hidden, sep="\n", flush=True)
    return done.returncode or bool(still)


if __name__ == "__main__":
    sys.exit(main())
