"""The disk that the first machines boot from: directories, users, and links to the shims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

_DIRECTORIES = (
    ("dev", 0o755),
    ("etc/cloud", 0o755),
    ("etc/ssh", 0o755),
    ("etc/systemd/system", 0o755),
    ("home", 0o755),
    ("opt", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("srv", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("usr/lib/systemd/system", 0o755),
    ("usr/local/bin", 0o755),
    ("usr/local/lib/systemd/system", 0o755),
    ("usr/local/sbin", 0o755),
    ("var/cache", 0o755),
    ("var/lib/cloud/data", 0o755),
    ("var/log", 0o755),
    ("var/tmp", 0o1777),
)
_SYSTEM_USERS = (
    ("root", 0, "/root", "/bin/bash"),
    ("daemon", 1, "/usr/sbin", "/usr/sbin/nologin"),
    ("www-data", 33, "/var/www", "/usr/sbin/nologin"),
    ("nobody", 65534, "/nonexistent", "/usr/sbin/nologin"),
)
_NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n"
_OS_RELEASE = 'NAME="Sandbox"\nID=sandbox\nPRETTY_NAME="Sandbox machine"\n'


def build(disk: Path, login: str, links: Mapping[str, Path]) -> None:
    """Build the disk atomically; `links` are symbolic links, by their path below it."""
    partial = disk.with_name(disk.name + ".partial")
    for name, mode in _DIRECTORIES:
        (partial / name).mkdir(parents=True, exist_ok=True)
        (partial / name).chmod(mode)
    home = partial / "home" / login
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh").chmod(0o700)
    users = (*_SYSTEM_USERS, (login, 1000, f"/home/{login}", "/bin/bash"))
    _write_etc(partial / "etc", users)
    for name, target in links.items():
        (partial / name).symlink_to(target)
    partial.rename(disk)


def _write_etc(etc: Path, users: tuple[tuple[str, int, str, str], ...]) -> None:
    passwd = (f"{name}:x:{uid}:{uid}::{home}:{shell}" for name, uid, home, shell in users)
    groups = (f"{name}:x:{uid}:" for name, uid, _home, _shell in users)
    texts = {
        "passwd": _lines(passwd),
        "group": _lines((*groups, "adm:x:4:", "sudo:x:27:")),
        "nsswitch.conf": _NSSWITCH,
        "os-release": _OS_RELEASE,
        "hosts": "127.0.0.1 localhost\n",
        "hostname": "localhost\n",
        "shells": "/bin/sh\n/bin/bash\n",
    }
    for name, text in texts.items():
        (etc / name).write_text(text)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
