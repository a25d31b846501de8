"""Compiles the locks anew from pyproject.toml: every version and hash, and no index's name.

Run by `make lock`. One lock serves every platform and every Python from 3.11 (`--universal`).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = [
    str(Path(sys.executable).with_name("uv")),
    *("pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-emit-index-url", "--no-header"),
]


def lock(target: str, *what: str, given: str | None = None) -> None:
    """Write one lock; versions already in it are kept where they still fit."""
    argv = [*COMPILE, *sys.argv[1:], "-o", target, *what]
    subprocess.run(argv, cwd=ROOT, check=True, text=True, input=given, stdout=subprocess.DEVNULL)


def main() -> None:
    """Every lock; arguments go to uv, for instance `--upgrade`."""
    lock("requirements.lock", "pyproject.toml", "--all-extras", "--group", "dev")
    # What the GitHub Action installs: the product, and what builds it.
    # In the versions that are tested: those of the lock above.
    tested = ("--constraints", "requirements.lock")
    lock("requirements-runtime.lock", "pyproject.toml", "--group", "build", *tested)
    # Only where there is a browser: it is large.
    lock("requirements-browser.lock", "--group", "browser", *tested)
    lock("requirements-bootstrap.lock", "-", given="uv\n")
    # Not ours: the emulator that `make second-opinion` asks, in an environment of its own.
    lock("requirements-second-opinion.lock", "-", given="ministack\n")
    # Other people's clients of AWS, which `make second-opinion` sends against our sandbox.
    lock("requirements-clients.lock", "-", given="awscli\nc7n\nansible\n")
    # What `make own-service` brings to the sandbox: an application that is not ours.
    lock("requirements-own-service.lock", "-", given="django\n")
    # What `make docs` and `make dist` run (scripts/tools.py).
    lock("requirements-tools.lock", "-", given="mkdocs-material\ncyclonedx-bom\n")


if __name__ == "__main__":
    main()
