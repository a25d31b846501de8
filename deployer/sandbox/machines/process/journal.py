"""The output of units, one file per unit; the source of journalctl."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

_LIMIT = 16 << 20


@dataclass(frozen=True)
class Journal:
    """Files in `directory`, on the machine's disk: they survive a reboot, as in real journals."""

    directory: Path = Path("/var/log/journal")
    earlier: dict[str, int] = field(default_factory=dict)
    """The size of each file at this boot."""

    def begin_boot(self) -> None:
        """Count the present content as earlier boots', including that of the copied machine."""
        for path in self.directory.glob("*.log"):
            self.earlier[path.stem] = path.stat().st_size

    def open(self, unit: str) -> int:
        """An fd to append to; the caller closes it. A file that is too long starts anew."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self._path(unit)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        if path.exists() and path.stat().st_size > _LIMIT:
            flags |= os.O_TRUNC
        return os.open(path, flags, 0o640)

    def note(self, unit: str, line: str) -> None:
        """Write a line of systemd's own."""
        fd = self.open(unit)
        try:
            os.write(fd, f"systemd[1]: {line}\n".encode())
        finally:
            os.close(fd)

    def tail(self, unit: str, lines: int | None, *, this_boot: bool = False) -> str:
        """The last lines of a unit, or all."""
        text = self.lines(unit, this_boot=this_boot)
        return "".join(text if lines is None else text[-lines:] if lines else [])

    def lines(self, unit: str, *, this_boot: bool) -> list[str]:
        """The lines of a unit."""
        path = self._path(unit)
        if not path.is_file():
            return []
        data = path.read_bytes()
        before = self.earlier.get(unit, 0)
        if this_boot and before <= len(data):  # else the file has started anew meanwhile
            data = data[before:]
        return data.decode(errors="replace").splitlines(keepends=True)

    def units(self) -> list[str]:
        """Every unit that has printed output."""
        return sorted(path.stem for path in self.directory.glob("*.log"))

    def _path(self, unit: str) -> Path:
        return self.directory / f"{unit}.log"
