"""What units print, one file a unit; what journalctl shows of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_LIMIT = 16 << 20


@dataclass(frozen=True)
class Journal:
    """Files in `directory`, on the machine's disk: they survive a reboot, as a real journal."""

    directory: Path = Path("/var/log/journal")

    def open(self, unit: str) -> int:
        """An fd to append to; the caller closes it. A file grown too long begins anew."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self._path(unit)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        if path.exists() and path.stat().st_size > _LIMIT:
            flags |= os.O_TRUNC
        return os.open(path, flags, 0o640)

    def note(self, unit: str, line: str) -> None:
        """A line of systemd's own."""
        fd = self.open(unit)
        try:
            os.write(fd, f"systemd[1]: {line}\n".encode())
        finally:
            os.close(fd)

    def tail(self, unit: str, lines: int | None) -> str:
        """The last lines of a unit, or all."""
        path = self._path(unit)
        if not path.is_file():
            return ""
        text = path.read_text(errors="replace").splitlines(keepends=True)
        return "".join(text if lines is None else text[-lines:] if lines else [])

    def units(self) -> list[str]:
        """Every unit that has printed something."""
        return sorted(path.stem for path in self.directory.glob("*.log"))

    def _path(self, unit: str) -> Path:
        return self.directory / f"{unit}.log"
