"""Runs the generators before any unit is read, at boot and at each reload. systemd.generator(7).

The host's own generators, which a machine sees in /usr/lib, are not run: they concern the host.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from deployer.sandbox.machines.process.spawner import PATH, Start
from deployer.sandbox.machines.systemd.execution import Tools

_WHERE = (
    "/run/systemd/system-generators",
    "/etc/systemd/system-generators",
    "/usr/local/lib/systemd/system-generators",
)
_OUTPUT = ("/run/systemd/generator", "/run/systemd/generator.early", "/run/systemd/generator.late")
_NAME = "systemd-generators"


async def run(tools: Tools) -> None:
    """Delete their earlier output, run them in parallel, wait for all."""
    for directory in _OUTPUT:
        shutil.rmtree(directory, ignore_errors=True)
        Path(directory).mkdir(parents=True)
    await asyncio.gather(*(_one(tools, path) for path in _found()))


def _found() -> list[Path]:
    """By name: one in /run hides one in /etc; a non-executable file is not run."""
    names: dict[str, Path] = {}
    for directory in map(Path, _WHERE):
        for path in sorted(directory.glob("*")):
            names.setdefault(path.name, path)
    return [path for path in names.values() if path.is_file() and os.access(path, os.X_OK)]


async def _one(tools: Tools, path: Path) -> None:
    output = tools.journal.open(_NAME)
    env = {"PATH": PATH, "SYSTEMD_SCOPE": "system"}
    try:
        _, ended = tools.children.start(
            Start([str(path), *_OUTPUT], env, "/", None, output, output)
        )
    except OSError as error:
        tools.journal.note(_NAME, f"{path} failed: {error.strerror}")
        return
    finally:
        os.close(output)
    if code := await ended:
        tools.journal.note(_NAME, f"{path} failed with exit status {code}.")
