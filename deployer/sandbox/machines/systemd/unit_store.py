"""A machine's unit files on disk: their precedence, and the effects of enable and mask.

systemd.unit(5), "Unit File Load Path"; systemctl(1) for enable, mask and is-enabled. Everything is
read again each time: `daemon-reload` only runs the generators.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deployer.sandbox.machines.systemd import unit_file
from deployer.sandbox.machines.systemd.unit_file import Unit

_ETC, _RUN = "etc/systemd/system", "run/systemd/system"
_EARLY, _LATE = "run/systemd/generator.early", "run/systemd/generator.late"
_VENDOR = ("usr/local/lib/systemd/system", "usr/lib/systemd/system")
_ORDER = (_EARLY, _ETC, _RUN, "run/systemd/generator", *_VENDOR, _LATE)
_BOOTED = ("sysinit", "basic", "sockets", "timers", "default", "multi-user", "graphical")


class UnitProblem(Exception):
    """The error message of systemctl, and its exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class UnitStore:
    """Unit files below `root`."""

    root: Path = Path("/")

    def fragment(self, name: str) -> Path | None:
        """The file with precedence for this name, possibly a mask; None if there is none."""
        for candidate in (name, _template(name)):
            for directory in _ORDER:
                path = self.root / directory / candidate
                if candidate and (path.is_symlink() or path.exists()):
                    return path
        return None

    def resolve(self, name: str) -> str:
        """The unit that an alias (a link beside the unit files) points to; else the name."""
        for _ in range(8):
            path = self.fragment(name)
            if path is None or not path.is_symlink() or _is_mask(path) or path.name != name:
                return name
            target = Path(os.readlink(path)).name  # noqa: PTH115 -- the text, not a path to follow
            if not target.endswith(unit_file.SUFFIXES):
                return name
            name = target
        raise UnitProblem(f"Unit {name}: too many levels of aliases.")

    def aliases(self, name: str) -> list[str]:
        """Its other names."""
        return [one for one in self.names() if one != name and self.resolve(one) == name]

    def linked(self, name: str, kind: str) -> list[str]:
        """The units linked in `NAME.wants` (or `.requires`), in any of its directories."""
        folders = (self.root / directory / f"{name}.{kind}" for directory in _ORDER)
        return [path.name for folder in folders for path in _listed(folder)]

    def is_masked(self, name: str) -> bool:
        """Whether the file with precedence is a mask: a link to /dev/null, or an empty file."""
        path = self.fragment(name)
        return path is not None and _is_mask(path)

    def load(self, name: str) -> Unit:
        """Load a unit. Raises UnitProblem: not found (5), masked, or not loadable."""
        path = self.fragment(name)
        if path is None or (not _is_mask(path) and not path.exists()):
            raise UnitProblem(f"Unit {name} not found.", 5)
        if _is_mask(path):
            raise UnitProblem(f"Unit {name} is masked.")
        try:
            return unit_file.unit(name, [file.read_text() for file in (path, *self.drop_ins(name))])
        except (ValueError, OSError) as error:
            raise UnitProblem(f"Unit {name} has a bad unit file setting: {error}") from error

    def drop_ins(self, name: str) -> list[Path]:
        """The drop-ins in the order of their names; one hides those of the same name.

        One linked to /dev/null hides others and is itself empty.
        """
        kinds = [f"{name[name.rfind('.') + 1 :]}.d", f"{name}.d"]
        if _template(name):
            kinds.insert(1, f"{_template(name)}.d")
        found: dict[str, Path] = {}
        for kind in reversed(kinds):
            for directory in _ORDER:
                for path in sorted((self.root / directory / kind).glob("*.conf")):
                    found.setdefault(path.name, path)
        return [path for _, path in sorted(found.items()) if not _is_mask(path) and path.exists()]

    def names(self) -> list[str]:
        """Every unit that has a file."""
        found = set()
        for directory in _ORDER:
            for path in _listed(self.root / directory):
                if path.name.endswith(unit_file.SUFFIXES) and not path.is_dir():
                    found.add(path.name)
        return sorted(found)

    def enabled(self) -> list[str]:
        """The units to start at boot, without their dependencies."""
        targets = [*(f"{name}.target" for name in _BOOTED), "ssh.service", "sshd.service"]
        kinds = ("wants", "requires")
        return sorted({u for t in targets for kind in kinds for u in self.linked(t, kind)})

    def state(self, name: str) -> str:
        """The output of `systemctl is-enabled`; `not-found` where there is no file."""
        path = self.fragment(name)
        if path is None:
            return "not-found"
        if _is_mask(path):
            return "masked-runtime" if path.is_relative_to(self.root / "run") else "masked"
        for directory, word in ((_ETC, "enabled"), (_RUN, "enabled-runtime")):
            if any(True for _ in self._links(name, directory)):
                return word
        made = self.load(name)
        installs = made.wanted_by or made.required_by or made.aliases
        return "disabled" if installs else "static"

    def enable(self, name: str) -> list[str]:
        """Create the links of its [Install]; returns messages. Raises UnitProblem."""
        source = self.fragment(name)
        if source is not None and _is_mask(source):
            raise UnitProblem(f"Unit file /{source.relative_to(self.root)} is masked.")
        made = self.load(name)
        said = []
        wanted = [f"{target}.wants/{name}" for target in made.wanted_by]
        wanted += [f"{target}.requires/{name}" for target in made.required_by]
        for link in (*wanted, *made.aliases):
            path = self.root / _ETC / link
            if path.is_symlink():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            target = "/" + str(source.relative_to(self.root)) if source else ""
            path.symlink_to(target)
            said.append(f"Created symlink /{_ETC}/{link} → {target}.")
        return said

    def disable(self, name: str) -> list[str]:
        """Remove every link to it, also to an unknown unit. Raises UnitProblem (not found)."""
        links = list(self._links(name, _ETC)) + list(self._links(name, _RUN))
        if not links and self.fragment(name) is None:
            raise UnitProblem(f"Unit file {name} does not exist.")
        for link in links:
            link.unlink()
        return [f'Removed "/{link.relative_to(self.root)}".' for link in links]

    def mask(self, name: str, *, runtime: bool) -> list[str]:
        """Mask it. Raises UnitProblem if a real file has the mask's path, as systemd does."""
        path = self._mask_path(name, runtime=runtime)
        if path.is_symlink() and _is_mask(path):
            return []
        if path.is_symlink() or path.exists():
            where = "/" + str(path.relative_to(self.root))
            raise UnitProblem(f"Failed to mask unit: File '{where}' already exists.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to("/dev/null")
        return [f"Created symlink /{path.relative_to(self.root)} → /dev/null."]

    def unmask(self, name: str, *, runtime: bool) -> list[str]:
        """Remove the mask of this layer; no effect where there is none."""
        path = self._mask_path(name, runtime=runtime)
        if not (path.is_symlink() and _is_mask(path)):
            return []
        path.unlink()
        return [f'Removed "/{path.relative_to(self.root)}".']

    def _mask_path(self, name: str, *, runtime: bool) -> Path:
        return self.root / (_RUN if runtime else _ETC) / name

    def _links(self, name: str, directory: str) -> Iterator[Path]:
        """Links in `*.wants`, `*.requires`, and aliases that point to this unit."""
        base = self.root / directory
        for path in _listed(base):
            if path.suffix in (".wants", ".requires") and (path / name).is_symlink():
                yield path / name
            elif path.is_symlink() and path.name != name and _leads_to(path, name):
                yield path


def _listed(directory: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return sorted(directory.iterdir())
    return []


def _leads_to(link: Path, name: str) -> bool:
    return Path(os.readlink(link)).name == name  # noqa: PTH115 -- the text, not a path to follow


def _is_mask(path: Path) -> bool:
    if path.is_symlink():
        return os.readlink(path) == "/dev/null"  # noqa: PTH115 -- as above
    return path.is_file() and path.stat().st_size == 0


def _template(name: str) -> str:
    """`job@.service` of `job@nightly.service`."""
    stem, dot, suffix = name.rpartition(".")
    prefix, at, instance = stem.partition("@")
    return f"{prefix}@{dot}{suffix}" if at and instance else ""
