"""Runs a command to its end and says, as JSON in a file, what it has used.

    python -IS launch.py FIGURES SAID COMMAND…

It imports next to nothing: the system counts as a process's peak also what the process was before
it became the command, a copy of this one.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main() -> None:
    """Run it."""
    figures, said, *argv = sys.argv[1:]
    began = time.perf_counter()
    child = os.fork()
    if not child:
        output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.execv(argv[0], argv)  # noqa: S606  # it becomes what is measured
    _, status, used = os.wait4(child, 0)
    found = {
        "wall": time.perf_counter() - began,
        "cpu": used.ru_utime + used.ru_stime,
        "memory": used.ru_maxrss / 1024,
        "code": os.waitstatus_to_exitcode(status),
    }
    Path(figures).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
