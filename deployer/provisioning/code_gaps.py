"""Finds what a checkout has and its archive lacks: Git LFS objects and submodules.

Both are shipped without an error: a pointer of three lines for a file, an empty folder for a
repository. The app finds out when it opens them.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterable, Sequence

from reconciler.errors import ConfigError

_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_SIZE = 1024
SHOWN = 5


def refuse_gaps(found: tarfile.TarFile, submodules: Iterable[str]) -> None:
    """Raise ConfigError naming what is missing. `submodules` are the paths that git knows."""
    members = found.getmembers()
    pointers = [one.name for one in members if _is_pointer(found, one)]
    if pointers:
        raise ConfigError(
            f"the code has Git LFS pointers in place of files: {_some(pointers)}",
            cure="In the checkout, then again   git lfs install --local && git lfs fetch --all\n"
            "What is not needed            export-ignore in .gitattributes",
            detail="\n".join(pointers),
        )
    empty = _empty(members, {*submodules, *_listed(found, members)})
    if empty:
        raise ConfigError(
            f"the code has submodules, which git archive leaves out: {_some(empty)}",
            cure="Ship a directory that has them   git clone --recurse-submodules … build && rm "
            '-rf build/.git, then code.source = "build"\n'
            "What is not needed               export-ignore in .gitattributes",
            detail="\n".join(empty),
        )


def _is_pointer(found: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
    if not member.isfile() or member.size > _POINTER_SIZE:
        return False
    content = found.extractfile(member)
    return content is not None and content.read(len(_POINTER)) == _POINTER


def _listed(found: tarfile.TarFile, members: Sequence[tarfile.TarInfo]) -> list[str]:
    """The paths in `.gitmodules`, for code that is not packed by git."""
    file = next((one for one in members if one.name.removeprefix("./") == ".gitmodules"), None)
    content = found.extractfile(file) if file is not None and file.isfile() else None
    text = content.read().decode("utf-8", "replace") if content is not None else ""
    return re.findall(r"^\s*path\s*=\s*(.+?)\s*$", text, re.MULTILINE)


def _empty(members: Sequence[tarfile.TarInfo], paths: Iterable[str]) -> list[str]:
    """Those that are there as a folder, with nothing in it."""
    names = {one.name.removeprefix("./").rstrip("/") for one in members}
    parents = {name.rpartition("/")[0] for name in names}
    return sorted(path for path in paths if path in names and path not in parents)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
