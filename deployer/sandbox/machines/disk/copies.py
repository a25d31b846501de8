"""Copies and removes disks: directory trees with arbitrary content from a machine.

Every step uses directory descriptors and never follows a symlink: a running machine may replace a
directory by a link while it is being copied.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

# Not in a real image either, or part of a running system only.
_LEFT_OUT = frozenset(("proc", "run", "tmp", "dev", "sys"))
_FICLONE = 0x40049409
_CHUNK = 1 << 24
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW

Links = dict[tuple[int, int], str]


def copy_disk(source: Path, target: Path) -> None:
    """Copy a disk atomically; `target` appears when it is complete.

    The copy is crash-consistent: files that disappear meanwhile are omitted. Modes, times and hard
    links are kept; sockets, FIFOs and the contents of /run, /tmp and /proc are not. Raises OSError.
    """
    partial = target.with_name(target.name + ".partial")
    partial.mkdir(parents=True)
    with _opened(source) as from_fd, _opened(partial) as to_fd:
        _copy_directory(from_fd, to_fd, {}, partial, top=True)
        _copy_look(from_fd, to_fd)
    partial.rename(target)


def remove_tree(directory: Path) -> None:
    """Remove a tree, whatever modes a machine gave to its directories. Idempotent."""
    for path, names, _files in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):
                below = Path(path, name)
                if not below.is_symlink() and not os.access(below, os.W_OK | os.X_OK):
                    below.chmod(0o700)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(directory)


@contextlib.contextmanager
def _opened(directory: Path | str, within: int | None = None) -> Iterator[int]:
    fd = os.open(directory, _OPEN_DIRECTORY, dir_fd=within)
    try:
        yield fd
    finally:
        os.close(fd)


def _copy_directory(from_fd: int, to_fd: int, links: Links, base: Path, top: bool = False) -> None:
    with os.scandir(from_fd) as entries:
        names = [entry.name for entry in entries]
    for name in names:
        # An entry may disappear, or change its type, between two calls.
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            _copy_entry(name, from_fd, to_fd, links, base, empty=top and name in _LEFT_OUT)


def _copy_entry(
    name: str, from_fd: int, to_fd: int, links: Links, base: Path, *, empty: bool
) -> None:
    look = os.lstat(name, dir_fd=from_fd)
    if stat.S_ISDIR(look.st_mode):
        with _opened(name, from_fd) as below:
            os.mkdir(name, 0o700, dir_fd=to_fd)
            with _opened(name, to_fd) as made:
                if not empty:
                    _copy_directory(below, made, links, base / name)
                _copy_look(below, made)
    elif stat.S_ISLNK(look.st_mode):
        os.symlink(os.readlink(name, dir_fd=from_fd), name, dir_fd=to_fd)
    elif stat.S_ISREG(look.st_mode):
        known = links.get((look.st_dev, look.st_ino))
        if known is not None:
            os.link(known, name, dst_dir_fd=to_fd, follow_symlinks=False)
            return
        _copy_file(name, from_fd, to_fd)
        if look.st_nlink > 1:
            links[look.st_dev, look.st_ino] = str(base / name)


def _copy_file(name: str, from_fd: int, to_fd: int) -> None:
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=from_fd)
    try:
        target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=to_fd)
        try:
            _copy_content(source, target)
            _copy_look(source, target)
        finally:
            os.close(target)
    finally:
        os.close(source)


def _copy_content(source: int, target: int) -> None:
    """Share the blocks where the file system can, else copy inside the kernel."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        while os.sendfile(target, source, None, _CHUNK):
            pass


def _copy_look(source: int, target: int) -> None:
    look = os.fstat(source)
    os.fchmod(target, stat.S_IMODE(look.st_mode))
    os.utime(target, ns=(look.st_atime_ns, look.st_mtime_ns))
