"""Runs a program that checks or documents the project, from an environment of its own.

    .venv/bin/python scripts/tools.py PROGRAM ARGUMENT…

What builds pages and bills of materials is no dependency of the product or of its tests: `.tools`
holds exactly what requirements-tools.lock says, installed when it is first wanted.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from scripts.second_opinion import install

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-tools.lock"


def main() -> None:
    """Become the program."""
    folder = install(ROOT / ".tools", LOCK).parent
    program = folder / sys.argv[1]
    os.execv(program, [str(program), *sys.argv[2:]])  # noqa: S606  a locked program, no shell


if __name__ == "__main__":
    main()
