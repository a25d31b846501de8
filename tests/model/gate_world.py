"""The fifth model's machines: what a disk carries, and what the product's gate makes of it."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from reconciler.machine import activation_gate as gate

NOTHING, APP, ALL = frozenset[str](), frozenset({"app"}), frozenset({"app", "jobs"})


class Disk(NamedTuple):
    """What an image carries: whether the gate stands on it, and who was last told what."""

    gated: bool = False
    told: str = ""
    runs: frozenset[str] = NOTHING


class Machine(NamedTuple):
    """A machine: its id by its firmware, its disk, what runs there, and what it may run."""

    id: str
    disk: Disk
    running: frozenset[str] = NOTHING
    allowed: frozenset[str] = NOTHING


@cache
def shut(disk: Disk, instance: str) -> frozenset[str]:
    """The classes of units that the product's generator masks on a machine with this disk."""
    if not disk.gated:
        return NOTHING
    with TemporaryDirectory() as folder:
        root = Path(folder)
        state = root / "state"
        if disk.told:
            flags = "".join(f"{one}={int(one in disk.runs)}\n" for one in ("app", "jobs"))
            state.write_text(f"instance={disk.told}\n{flags}")
        (root / "tag").write_text(f"{instance}\n")
        text = gate.GENERATOR_TEXT
        for name, path in ((gate.STATE, state), (gate.ASSET_TAG, root / "tag")):
            text = text.replace(name, str(path))
        subprocess.run(["sh", "-c", text, "gate", folder, folder, folder], check=True)
        return frozenset((root / "deployer-gate").read_text().split())
