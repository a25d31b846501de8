"""A copy of the project in which one guard at a time is missing.

The byte code of the copy is written by runs on the whole source only: a file without a guard has
another time than its byte code, and none is kept of it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.guard import ROOT, Guard

PARTS = ("deployer", "reconciler", "tests", "scripts", "config", "docs", ".ci")
WITHOUT = shutil.ignore_patterns("__pycache__", ".hypothesis")


@dataclass(frozen=True)
class Tree:
    """One copy, used by one test run at a time."""

    root: Path

    @classmethod
    def copied(cls, to: Path) -> Tree:
        """A new copy of the source below `to`."""
        root = to / "tree"
        root.mkdir()
        for part in PARTS:
            shutil.copytree(ROOT / part, root / part, ignore=WITHOUT)
        for path in ROOT.iterdir():
            if path.is_file() and path.name != ".git":
                shutil.copy2(path, root)
        return cls(root)

    @contextmanager
    def lacking(self, guard: Guard) -> Iterator[None]:
        """Within it the copy lacks the guard. Raises Outdated."""
        here, whole = self.root / guard.file, ROOT / guard.file
        here.write_text(guard.removed(whole.read_text(encoding="utf-8")), encoding="utf-8")
        # A time of its own, so that no byte code of the whole file is taken for this one's.
        os.utime(here, (1, 1))
        try:
            yield
        finally:
            shutil.copy2(whole, here)
