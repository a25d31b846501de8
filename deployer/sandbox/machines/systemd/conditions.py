"""ConditionPathExists= and similar: whether a unit may start here. systemd.unit(5)."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from deployer.sandbox.machines.systemd.unit_file import Check

_KINDS: dict[str, Callable[[str], bool]] = {
    "PathExists": lambda argument: Path(argument).exists(),
    "PathExistsGlob": lambda argument: bool(glob.glob(argument)),  # noqa: PTH207 -- absolute
    "PathIsDirectory": lambda argument: Path(argument).is_dir(),
    "PathIsSymbolicLink": lambda argument: Path(argument).is_symlink(),
    "DirectoryNotEmpty": lambda argument: _has_entries(Path(argument)),
    "FileNotEmpty": lambda argument: Path(argument).is_file() and Path(argument).stat().st_size > 0,
    "FileIsExecutable": lambda argument: Path(argument).is_file() and os.access(argument, os.X_OK),
}


def failed(checks: Iterable[Check]) -> Check | None:
    """The first check that fails; unknown kinds count as passed."""
    for check in checks:
        holds = _KINDS.get(check.kind)
        if holds is not None and holds(check.argument) == check.negated:
            return check
    return None


def _has_entries(directory: Path) -> bool:
    return directory.is_dir() and any(directory.iterdir())
