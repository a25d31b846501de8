"""The function's package, unpacked and called as Lambda calls it: cold start, and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

_CHILD = """
import json, re, sys, time
begun = time.perf_counter()
from reconciler.cli.aws_lambda import handler
loaded = time.perf_counter()

class Context:
    def get_remaining_time_in_millis(self):
        return 900_000

command = {"command": json.loads(sys.argv[1])}
found = {"load": loaded - begun}
for call in ("first", "second"):
    began = time.perf_counter()
    handler(command, Context())
    found[call] = time.perf_counter() - began
status = open("/proc/self/status").read()  # ru_maxrss would count the parent's memory
found["memory"] = int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) / 1024
print(json.dumps(found), file=sys.stderr)
"""


def measured(archive: Path, scope: str) -> Iterator[str]:
    """The inventory of a scope, read twice by one worker; on this machine, at its full speed."""
    with tempfile.TemporaryDirectory() as name:
        task = Path(name) / "task"
        zipfile.ZipFile(archive).extractall(task)  # our own archive
        words = json.dumps(["inventory", "--scope", scope, "--run", str(Path(name) / "runs/one")])
        env = {**os.environ, "PYTHONPATH": str(task), "DEPLOY_CONFIG": str(task / "config")}
        done = subprocess.run(
            [sys.executable, "-S", "-c", _CHILD, words],
            env={**env, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=task,
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stderr.splitlines()[-1])
    size = archive.stat().st_size / 2**20
    yield (
        f"A cold start, from the package of {size:.0f} MiB without byte code: "
        f"{found['load']:.1f} s until the handler is there, {found['first']:.1f} s for the first "
        f"inventory of a scope; a second one takes {found['second']:.2f} s. The process has "
        f"{found['memory']:.0f} MiB then."
    )
